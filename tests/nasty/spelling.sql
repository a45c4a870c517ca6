-- Names with anything in them that Postgres takes, and names that differ by little.
CREATE TABLE "Thing" (id int PRIMARY KEY, "ID" text, "Id" text, "iD" text, i_d text);
CREATE TABLE thing (id int PRIMARY KEY);
CREATE TABLE things (id int PRIMARY KEY);
CREATE TABLE "THING" (id int PRIMARY KEY);
CREATE TABLE "a table" ("a column" int PRIMARY KEY, "a  column" int, " " int, "." int, "a.b" int, "tab	in it" text, "new
line" text);
CREATE TABLE "quo""te" ("i""d" int PRIMARY KEY, "'; DROP TABLE thing; --" text, "back\slash" text, "$1" text, "%s" text, "{}" text);
CREATE TABLE "größe" ("straße" int PRIMARY KEY, "größe" int, "groesse" int);
CREATE TABLE "表" ("列" int PRIMARY KEY, "欄" text);
CREATE TABLE "😀" ("😀" int PRIMARY KEY, "😁" text);
CREATE TABLE "2026_report" ("1st" int PRIMARY KEY, "2nd" int REFERENCES "2026_report");
CREATE TABLE "___" ("___" int PRIMARY KEY);
CREATE TABLE "_" ("_" int PRIMARY KEY);
CREATE TABLE a23456789_123456789_123456789_123456789_123456789_123456789_123 (
    b23456789_123456789_123456789_123456789_123456789_123456789_123 int PRIMARY KEY,
    c23456789_123456789_123456789_123456789_123456789_123456789_id int
      REFERENCES a23456789_123456789_123456789_123456789_123456789_123456789_123
);
COMMENT ON TABLE "a table" IS 'A back\slash, """three""" quotes, a "#" and a	tab.
A line of its own, and one that ends in a quote "';
COMMENT ON COLUMN "a table"."a column" IS '"';
COMMENT ON TABLE "quo""te" IS '   ';
