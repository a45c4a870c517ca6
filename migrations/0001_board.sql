-- The example database: a project board.
--
-- The API is made from these tables, so their comments are its descriptions and their constraints its rules.
-- A migration that has run is never edited; add a new file with the next number instead.

CREATE TYPE task_status AS ENUM ('todo', 'doing', 'done');
COMMENT ON TYPE task_status IS 'How far a task has come.';


CREATE TABLE person (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL,
    email text NOT NULL,
    avatar text,
    created_at timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT person_email_key UNIQUE (email),
    CONSTRAINT person_name_not_empty CHECK (name <> ''),
    CONSTRAINT person_email_has_at_sign CHECK (email LIKE '_%@_%')
);
COMMENT ON TABLE person IS 'Someone who works on projects.';
COMMENT ON COLUMN person.id IS 'The person''s key.';
COMMENT ON COLUMN person.name IS 'The name as the person writes it.';
COMMENT ON COLUMN person.email IS 'Where the person is reached; no two people share one.';
COMMENT ON COLUMN person.avatar IS 'Address of a picture, if the person gave one.';
COMMENT ON COLUMN person.created_at IS 'When the person joined.';

CREATE INDEX person_name_index ON person (name);


CREATE TABLE project (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL,
    slug text NOT NULL,
    budget numeric(12, 2),
    archived boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT project_slug_key UNIQUE (slug),
    CONSTRAINT project_name_not_empty CHECK (name <> ''),
    CONSTRAINT project_slug_is_lower_case_with_dashes CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'),
    CONSTRAINT project_budget_not_negative CHECK (budget >= 0)
);
COMMENT ON TABLE project IS 'A piece of work with tasks, and perhaps a budget.';
COMMENT ON COLUMN project.id IS 'The project''s key.';
COMMENT ON COLUMN project.name IS 'The name that people know the project by.';
COMMENT ON COLUMN project.slug IS 'The name in addresses: lower case and dashes; no two projects share one.';
COMMENT ON COLUMN project.budget IS 'What the project may cost, in euros; null if nobody has decided.';
COMMENT ON COLUMN project.archived IS 'True once nobody works on the project any more.';
COMMENT ON COLUMN project.created_at IS 'When the project began.';


CREATE TABLE task (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    -- A project takes its tasks with it.
    project_id uuid NOT NULL REFERENCES project (id) ON DELETE CASCADE,
    -- The parts of a task outlive it.
    parent_id uuid REFERENCES task (id) ON DELETE SET NULL,
    -- Who wrote a task cannot be removed: the board would lose who said what.
    author_id uuid NOT NULL REFERENCES person (id) ON DELETE RESTRICT,
    assignee_id uuid REFERENCES person (id) ON DELETE SET NULL,
    title text NOT NULL,
    note text,
    status task_status NOT NULL DEFAULT 'todo',
    priority integer NOT NULL DEFAULT 2,
    points bigint,
    estimate interval,
    due date,
    tags text[] NOT NULL DEFAULT '{}',
    meta jsonb NOT NULL DEFAULT '{}',
    position double precision NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT task_title_not_empty CHECK (title <> ''),
    CONSTRAINT task_priority_between_0_and_5 CHECK (priority BETWEEN 0 AND 5),
    CONSTRAINT task_points_not_negative CHECK (points >= 0),
    CONSTRAINT task_meta_is_an_object CHECK (jsonb_typeof(meta) = 'object'),
    CONSTRAINT task_is_not_its_own_parent CHECK (parent_id <> id)
);
COMMENT ON TABLE task IS 'Something to do in a project.';
COMMENT ON COLUMN task.id IS 'The task''s key.';
COMMENT ON COLUMN task.project_id IS 'The project that the task belongs to.';
COMMENT ON COLUMN task.parent_id IS 'The task that this one is a part of, if it is one.';
COMMENT ON COLUMN task.author_id IS 'Who wrote the task.';
COMMENT ON COLUMN task.assignee_id IS 'Who does the task; null while nobody does.';
COMMENT ON COLUMN task.title IS 'The task in one line.';
COMMENT ON COLUMN task.note IS 'All that does not fit into the title, as Markdown.';
COMMENT ON COLUMN task.status IS 'How far the task has come.';
COMMENT ON COLUMN task.priority IS 'From 0, whenever, to 5, at once.';
COMMENT ON COLUMN task.points IS 'Size compared with other tasks; null if not guessed yet.';
COMMENT ON COLUMN task.estimate IS 'How long the task will take.';
COMMENT ON COLUMN task.due IS 'The day by which the task should be done.';
COMMENT ON COLUMN task.tags IS 'Free words to find the task by.';
COMMENT ON COLUMN task.meta IS 'What other programs keep with the task: a JSON object.';
COMMENT ON COLUMN task.position IS 'Place in the column of the board; smaller is higher.';
COMMENT ON COLUMN task.created_at IS 'When the task was written.';
COMMENT ON COLUMN task.updated_at IS 'When the task last changed; kept by the database.';

CREATE INDEX task_project_id_index ON task (project_id, status, position);
CREATE INDEX task_parent_id_index ON task (parent_id);
CREATE INDEX task_author_id_index ON task (author_id);
CREATE INDEX task_assignee_id_index ON task (assignee_id);
CREATE INDEX task_due_index ON task (due) WHERE status <> 'done';
CREATE INDEX task_tags_index ON task USING gin (tags);

CREATE FUNCTION set_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION set_updated_at() IS 'Keeps updated_at, whichever program makes the change.';

-- An update that changes nothing leaves the row as it was.
CREATE TRIGGER task_set_updated_at BEFORE UPDATE ON task
    FOR EACH ROW WHEN (OLD IS DISTINCT FROM NEW) EXECUTE FUNCTION set_updated_at();


CREATE TABLE comment (
    -- BY DEFAULT, not ALWAYS: who puts a whole comment by its key gives the key.
    id bigint PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY,
    task_id uuid NOT NULL REFERENCES task (id) ON DELETE CASCADE,
    author_id uuid NOT NULL REFERENCES person (id) ON DELETE RESTRICT,
    body text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT comment_body_not_empty CHECK (body <> '')
);
COMMENT ON TABLE comment IS 'What someone says about a task.';
COMMENT ON COLUMN comment.id IS 'The comment''s key: a number that the database gives.';
COMMENT ON COLUMN comment.task_id IS 'The task that is spoken of.';
COMMENT ON COLUMN comment.author_id IS 'Who speaks.';
COMMENT ON COLUMN comment.body IS 'What is said, as Markdown.';
COMMENT ON COLUMN comment.created_at IS 'When it was said.';

CREATE INDEX comment_task_id_index ON comment (task_id, created_at);
CREATE INDEX comment_author_id_index ON comment (author_id);


CREATE TABLE label (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL,
    color text NOT NULL DEFAULT '#8a8f98',

    CONSTRAINT label_name_key UNIQUE (name),
    CONSTRAINT label_name_not_empty CHECK (name <> ''),
    CONSTRAINT label_color_is_six_hex_digits CHECK (color ~ '^#[0-9a-f]{6}$')
);
COMMENT ON TABLE label IS 'A mark that tasks of every project can bear.';
COMMENT ON COLUMN label.id IS 'The label''s key.';
COMMENT ON COLUMN label.name IS 'What the label says; no two labels say the same.';
COMMENT ON COLUMN label.color IS 'The label''s colour, as #rrggbb.';


CREATE TABLE task_label (
    task_id uuid NOT NULL REFERENCES task (id) ON DELETE CASCADE,
    label_id uuid NOT NULL REFERENCES label (id) ON DELETE CASCADE,

    PRIMARY KEY (task_id, label_id)
);
COMMENT ON TABLE task_label IS 'Which task bears which label.';
COMMENT ON COLUMN task_label.task_id IS 'The task that bears the label.';
COMMENT ON COLUMN task_label.label_id IS 'The label that the task bears.';

CREATE INDEX task_label_label_id_index ON task_label (label_id);


-- With the whole old row in the log, a change can be told as "these columns changed" and "no longer matches the
-- filter". Without it Postgres logs the old key at most.
ALTER TABLE person REPLICA IDENTITY FULL;
ALTER TABLE project REPLICA IDENTITY FULL;
ALTER TABLE task REPLICA IDENTITY FULL;
ALTER TABLE comment REPLICA IDENTITY FULL;
ALTER TABLE label REPLICA IDENTITY FULL;
ALTER TABLE task_label REPLICA IDENTITY FULL;
