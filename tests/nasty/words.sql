-- Names that mean something in GraphQL, in SQL or in this API.
CREATE TABLE "Query" (id int PRIMARY KEY, type text);
CREATE TABLE "Mutation" (id int PRIMARY KEY, mutation int REFERENCES "Mutation");
CREATE TABLE subscription (id int PRIMARY KEY, "Query_id" int REFERENCES "Query");
CREATE TABLE sync (id int PRIMARY KEY, sequence int, previous int, reset text, more boolean, transaction int, "committedAt" date);
CREATE TABLE "__x" (id int PRIMARY KEY, "__typename" text, "__" text);
CREATE TABLE "__schema" (id int PRIMARY KEY);
CREATE TABLE "__type" (id int PRIMARY KEY);
CREATE TABLE "select" ("from" int PRIMARY KEY, "where" text, "order by" text, "limit" int, "group" text, "user" text);
CREATE TABLE "string" (id int PRIMARY KEY, "String" text, "int" int, "ID" int);
CREATE TABLE "StringFilter" (id int PRIMARY KEY);
CREATE TABLE page_info (id int PRIMARY KEY);
CREATE TABLE node (node int PRIMARY KEY, nodes text, edges text, cursor text, "pageInfo" text, "totalCount" int);
CREATE TABLE logic (id int PRIMARY KEY, "and" int, "or" int, "not" int, "and2" int, since text, patch text, "since2" text);
CREATE TABLE change (
    id int PRIMARY KEY, op text, key text, changed text, change text, sequence text, put text, delete text
);
CREATE TABLE change_put (id int PRIMARY KEY, change_id int REFERENCES change);
CREATE TABLE task (id int PRIMARY KEY);
CREATE TABLE task_filter (id int PRIMARY KEY);
CREATE TABLE task_connection (id int PRIMARY KEY);
CREATE TABLE task_create_input (id int PRIMARY KEY);
CREATE TABLE create_task (id int PRIMARY KEY);
CREATE TABLE opaque (id int PRIMARY KEY, "true" boolean, "false" boolean, "null" text);
CREATE TABLE arguments (first int, "after" text, last int, before text, "offset" int, "where" text, "orderBy" text,
                        PRIMARY KEY (first, "after"));
CREATE TABLE "nothing" (id int PRIMARY KEY);
CREATE TYPE truth AS ENUM ('true', 'false', 'null', '1a', '', ' ', '__x', 'TRUE', 'a-b', 'a b', 'ä', 'FILE_NOT_FOUND');
CREATE TABLE enum_values (id int PRIMARY KEY, truth truth NOT NULL DEFAULT '', list truth[]);
CREATE TYPE order_direction AS ENUM ('ASC');
CREATE TABLE uses_direction (id int PRIMARY KEY, direction order_direction);
