-- In the style of the DVD rental shop that many tutorials use: enums, domains, partitions, inheritance, full-text search,
-- arrays, views over joins.
CREATE TYPE mpaa_rating AS ENUM ('G', 'PG', 'PG-13', 'R', 'NC-17');
CREATE DOMAIN year AS integer CHECK (VALUE >= 1901 AND VALUE <= 2155);
CREATE DOMAIN "bıgınt" AS bigint;
CREATE TABLE language (
    language_id serial PRIMARY KEY, name character(20) NOT NULL, last_update timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE actor (
    actor_id serial PRIMARY KEY, first_name text NOT NULL, last_name text NOT NULL, last_update timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE film (
    film_id serial PRIMARY KEY, title text NOT NULL, description text, release_year year,
    language_id integer NOT NULL REFERENCES language, original_language_id integer REFERENCES language,
    rental_duration smallint NOT NULL DEFAULT 3, rental_rate numeric(4, 2) NOT NULL DEFAULT 4.99, length smallint,
    replacement_cost numeric(5, 2) NOT NULL DEFAULT 19.99, rating mpaa_rating DEFAULT 'G',
    last_update timestamptz NOT NULL DEFAULT now(), special_features text[],
    fulltext tsvector GENERATED ALWAYS AS (to_tsvector('english', title)) STORED
);
CREATE INDEX film_fulltext_idx ON film USING gist (fulltext);
CREATE TABLE film_actor (
    actor_id integer NOT NULL REFERENCES actor ON UPDATE CASCADE, film_id integer NOT NULL REFERENCES film ON UPDATE CASCADE,
    last_update timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (actor_id, film_id)
);
CREATE TABLE payment (
    payment_id serial, customer "bıgınt", amount numeric(5, 2) NOT NULL, payment_date timestamptz NOT NULL,
    PRIMARY KEY (payment_date, payment_id)
) PARTITION BY RANGE (payment_date);
CREATE TABLE payment_p2026 PARTITION OF payment FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE payment_rest PARTITION OF payment DEFAULT;
CREATE TABLE stock (id serial PRIMARY KEY, film_id integer REFERENCES film, shelf text);
CREATE TABLE sold_stock (sold_at date, PRIMARY KEY (id)) INHERITS (stock);
CREATE VIEW film_list AS
    SELECT f.film_id AS fid, f.title, l.name AS language, array_agg(a.last_name ORDER BY a.last_name) AS actors
    FROM film f JOIN language l USING (language_id) LEFT JOIN film_actor fa USING (film_id) LEFT JOIN actor a USING (actor_id)
    GROUP BY f.film_id, l.name;
COMMENT ON VIEW film_list IS '@graphql({"primary_key_columns": ["fid"], "foreign_keys": [{"local_columns": ["fid"], "foreign_table": "film", "foreign_columns": ["film_id"]}]})';
CREATE MATERIALIZED VIEW sales AS SELECT date_trunc('day', payment_date) AS day, sum(amount) AS total FROM payment GROUP BY 1;
CREATE FUNCTION film_in_stock(p_film_id integer, OUT p_film_count integer) RETURNS SETOF integer LANGUAGE sql AS $$
    SELECT id FROM stock WHERE film_id = p_film_id
$$;
CREATE FUNCTION last_updated() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.last_update = now(); RETURN NEW; END $$;
CREATE TRIGGER last_updated BEFORE UPDATE ON film FOR EACH ROW EXECUTE FUNCTION last_updated();
CREATE AGGREGATE group_concat(text) (SFUNC = textcat, STYPE = text);
