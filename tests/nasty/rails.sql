-- As ActiveRecord makes it: plurals, tables of its own, polymorphic references, single table inheritance, counter caches.
CREATE TABLE schema_migrations (version character varying NOT NULL PRIMARY KEY);
CREATE TABLE ar_internal_metadata (
    key character varying NOT NULL PRIMARY KEY, value character varying,
    created_at timestamp(6) NOT NULL, updated_at timestamp(6) NOT NULL
);
CREATE TABLE users (
    id bigserial PRIMARY KEY, type varchar, email varchar DEFAULT '' NOT NULL, encrypted_password varchar DEFAULT '' NOT NULL,
    sign_in_count integer DEFAULT 0 NOT NULL, current_sign_in_ip inet, posts_count integer DEFAULT 0,
    created_at timestamp(6) NOT NULL, updated_at timestamp(6) NOT NULL
);
CREATE UNIQUE INDEX index_users_on_email ON users (email);
CREATE TABLE posts (
    id bigserial PRIMARY KEY, user_id bigint NOT NULL, title varchar, body text, status integer DEFAULT 0 NOT NULL,
    settings jsonb DEFAULT '{}' NOT NULL, created_at timestamp(6) NOT NULL, updated_at timestamp(6) NOT NULL,
    CONSTRAINT fk_rails_5b5ddfd518 FOREIGN KEY (user_id) REFERENCES users (id)
);
CREATE TABLE comments (
    id bigserial PRIMARY KEY, commentable_type varchar NOT NULL, commentable_id bigint NOT NULL, user_id bigint,
    parent_id bigint, body text, CONSTRAINT fk_rails_parent FOREIGN KEY (parent_id) REFERENCES comments (id),
    CONSTRAINT fk_rails_user FOREIGN KEY (user_id) REFERENCES users (id) NOT VALID
);
CREATE TABLE posts_users (post_id bigint NOT NULL REFERENCES posts, user_id bigint NOT NULL REFERENCES users);
CREATE UNIQUE INDEX index_posts_users ON posts_users (post_id, user_id);
CREATE TABLE news (id bigserial PRIMARY KEY, headline varchar NOT NULL);
CREATE TABLE people (id bigserial PRIMARY KEY, first_name varchar, mother_id bigint REFERENCES people, father_id bigint REFERENCES people);
CREATE TABLE sheep (id bigserial PRIMARY KEY, name varchar);
CREATE TABLE statuses (id bigserial PRIMARY KEY, name varchar);
CREATE TABLE data (id bigserial PRIMARY KEY, name varchar);
