-- Serves: tenant_b, tenant_a, shared
-- The same tables in a schema for each tenant, and references from one schema to another.
CREATE SCHEMA shared;
CREATE SCHEMA tenant_a;
CREATE SCHEMA tenant_b;
CREATE SCHEMA hidden;
CREATE TYPE shared.status AS ENUM ('open', 'closed');
CREATE TYPE tenant_a.status AS ENUM ('OPEN', 'closed');
CREATE TABLE shared.plan (id int PRIMARY KEY, name text NOT NULL);
CREATE TABLE hidden.ledger (id int PRIMARY KEY);
CREATE TABLE tenant_a.invoice (
    id int PRIMARY KEY, plan_id int NOT NULL REFERENCES shared.plan, ledger_id int REFERENCES hidden.ledger,
    status tenant_a.status NOT NULL DEFAULT 'OPEN'
);
CREATE TABLE tenant_b.invoice (
    id int PRIMARY KEY, plan_id int NOT NULL REFERENCES shared.plan, copied_from int REFERENCES tenant_a.invoice,
    status shared.status NOT NULL DEFAULT 'open'
);
CREATE TABLE tenant_a.invoices (id int PRIMARY KEY, total numeric);
CREATE VIEW tenant_b.plan AS SELECT * FROM shared.plan;
COMMENT ON VIEW tenant_b.plan IS '@graphql({"primary_key_columns": ["id"]})';
CREATE FUNCTION tenant_a.invoice(id int) RETURNS int LANGUAGE sql STABLE AS 'SELECT id';
CREATE FUNCTION tenant_b.invoice() RETURNS int LANGUAGE sql STABLE AS 'SELECT 1';
