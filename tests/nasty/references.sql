-- Foreign keys of every shape: several to one table, to oneself, in a circle, of several columns, to unique keys, shared columns.
CREATE TABLE place (country text, city text, name text NOT NULL UNIQUE, PRIMARY KEY (country, city));
CREATE TABLE trip (
    id int PRIMARY KEY, from_country text NOT NULL, from_city text NOT NULL, to_country text, to_city text, via text REFERENCES place (name),
    FOREIGN KEY (from_country, from_city) REFERENCES place, FOREIGN KEY (to_country, to_city) REFERENCES place
);
CREATE TABLE employee (
    id int PRIMARY KEY, boss_id int REFERENCES employee, mentor int REFERENCES employee, department_id int
);
CREATE TABLE department (id int PRIMARY KEY, head_id int REFERENCES employee);
ALTER TABLE employee ADD FOREIGN KEY (department_id) REFERENCES department DEFERRABLE INITIALLY DEFERRED;
CREATE TABLE profile (employee_id int PRIMARY KEY REFERENCES employee, bio text);
CREATE TABLE badge (id int PRIMARY KEY, employee_id int UNIQUE REFERENCES employee, employee int REFERENCES employee);
CREATE TABLE tenant (id int PRIMARY KEY);
CREATE TABLE account (tenant_id int NOT NULL REFERENCES tenant, id int, parent_id int, PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, parent_id) REFERENCES account);
CREATE TABLE transfer (tenant_id int NOT NULL REFERENCES tenant, id int, source int NOT NULL, target int NOT NULL, PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, source) REFERENCES account, FOREIGN KEY (tenant_id, target) REFERENCES account);
CREATE TABLE friend (a int REFERENCES employee, b int REFERENCES employee, PRIMARY KEY (a, b));
CREATE TABLE works_in (employee_id int REFERENCES employee, department_id int REFERENCES department, since date, PRIMARY KEY (employee_id, department_id));
CREATE TABLE worked_in (employee_id int REFERENCES employee, department_id int REFERENCES department, PRIMARY KEY (employee_id, department_id));
CREATE TABLE three_way (employee_id int REFERENCES employee, department_id int REFERENCES department, tenant_id int REFERENCES tenant,
    PRIMARY KEY (employee_id, department_id, tenant_id));
CREATE TABLE twice (id int PRIMARY KEY, employee_id int, CONSTRAINT a FOREIGN KEY (employee_id) REFERENCES employee,
    CONSTRAINT b FOREIGN KEY (employee_id) REFERENCES employee);
