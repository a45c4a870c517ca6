-- Types upon types.
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE empty_enum AS ENUM ();
CREATE DOMAIN mood_domain AS mood;
CREATE DOMAIN scores AS int[];
CREATE DOMAIN positive AS int CHECK (VALUE > 0) NOT NULL;
CREATE DOMAIN more_positive AS positive CHECK (VALUE > 1);
CREATE TYPE address AS (street text, number int, mood mood);
CREATE TYPE person AS (name text, home address, others address[]);
CREATE TABLE of_all (
    id int PRIMARY KEY, mood mood, moods mood[], mood_domain mood_domain, empty empty_enum, scores scores, positive positive DEFAULT 2, more more_positive DEFAULT 3,
    matrix int[][], range int4range, ranges int4multirange, days daterange, address address, person person, addresses address[],
    xml xml, money money, bits bit(8), varbits bit varying, point point, box box, boxes box[], path path, mac macaddr, net cidr, addr inet,
    search tsvector, query tsquery, lsn pg_lsn, oid oid, class regclass, json json, jsonpath jsonpath, jsons jsonb[], "char" "char", name name,
    character character(8), vc varchar(20), timetz timetz, span interval, spans interval[], bytes bytea[], real real, smallint smallint, xid8 xid8
);
CREATE TABLE "Address" (id int PRIMARY KEY, address address);
CREATE TABLE person_parts_filter (id int PRIMARY KEY, person person);
