-- Tables that inherit, in several steps and from two parents; partitions of partitions; views upon views.
CREATE TABLE asset (id int PRIMARY KEY, name text);
CREATE TABLE vehicle (wheels int, PRIMARY KEY (id)) INHERITS (asset);
CREATE TABLE car (doors int, PRIMARY KEY (id)) INHERITS (vehicle);
CREATE TABLE insured (policy text);
CREATE TABLE insured_car (PRIMARY KEY (id)) INHERITS (car, insured);
CREATE TABLE measurement (at timestamptz NOT NULL, sensor int NOT NULL, value float8, PRIMARY KEY (at, sensor)) PARTITION BY RANGE (at);
CREATE TABLE measurement_2026 PARTITION OF measurement FOR VALUES FROM ('2026-01-01') TO ('2027-01-01') PARTITION BY LIST (sensor);
CREATE TABLE measurement_2026_1 PARTITION OF measurement_2026 FOR VALUES IN (1);
CREATE TABLE measurement_2026_rest PARTITION OF measurement_2026 DEFAULT;
CREATE TABLE measurement_rest PARTITION OF measurement DEFAULT;
CREATE TABLE no_partition_yet (id int) PARTITION BY HASH (id);
CREATE VIEW car_name AS SELECT id, name FROM car;
CREATE VIEW car_name_name AS SELECT name AS "NAME", id FROM car_name;
COMMENT ON VIEW car_name_name IS '@graphql({"primary_key_columns": ["id"], "name": "car_label"})';
CREATE VIEW recursive_view AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT i FROM n;
CREATE VIEW no_columns AS SELECT;
CREATE UNLOGGED TABLE unlogged (id int PRIMARY KEY);
CREATE TEMP TABLE temporary (id int PRIMARY KEY);
