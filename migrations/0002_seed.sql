-- Rows of the example database: the same keys, texts and times in every copy.
--
-- Keys are made to be recognised: person 1 is 10000000-0000-4000-8000-000000000001, project 2…, task 3…, label 4….

CREATE FUNCTION pg_temp.person_id(number integer) RETURNS uuid LANGUAGE sql IMMUTABLE STRICT
    RETURN ('10000000-0000-4000-8000-' || lpad(number::text, 12, '0'))::uuid;
CREATE FUNCTION pg_temp.project_id(number integer) RETURNS uuid LANGUAGE sql IMMUTABLE STRICT
    RETURN ('20000000-0000-4000-8000-' || lpad(number::text, 12, '0'))::uuid;
CREATE FUNCTION pg_temp.task_id(number integer) RETURNS uuid LANGUAGE sql IMMUTABLE STRICT
    RETURN ('30000000-0000-4000-8000-' || lpad(number::text, 12, '0'))::uuid;
CREATE FUNCTION pg_temp.label_id(number integer) RETURNS uuid LANGUAGE sql IMMUTABLE STRICT
    RETURN ('40000000-0000-4000-8000-' || lpad(number::text, 12, '0'))::uuid;

-- The note of task 22: some 9 KB that hardly compress, so Postgres stores them outside the row (TOAST) and leaves
-- them out of the log when an update does not touch them.
CREATE FUNCTION pg_temp.import_log() RETURNS text LANGUAGE sql IMMUTABLE
    RETURN (
        SELECT E'The run of January 31st, from the first warning on:\n\n'
               || string_agg(format('    02:%s:%s batch %s rows %s checksum %s',
                                    lpad((line / 60)::text, 2, '0'), lpad((line % 60)::text, 2, '0'),
                                    line, 1000 + line * 37 % 991, md5('batch ' || line)), E'\n' ORDER BY line)
               || E'\n    02:02:11 FATAL no partition for 2026-02-00'
        FROM generate_series(1, 130) AS line);


INSERT INTO person (id, name, email, avatar, created_at)
SELECT pg_temp.person_id(number), name, email, 'https://avatars.example.org/' || avatar, joined::timestamptz
FROM (VALUES
    ( 1, 'Ada Moreau',        'ada@example.org',     'ada.png',     '2025-01-06 08:30:00+00'),
    ( 2, 'Bruno Keller',      'bruno@example.org',   'bruno.png',   '2025-01-06 08:45:00+00'),
    ( 3, 'Chiara Rossi',      'chiara@example.org',  'chiara.png',  '2025-02-03 09:00:00+00'),
    ( 4, 'Deniz Yıldız',      'deniz@example.org',   NULL,          '2025-02-17 09:10:00+00'),
    ( 5, 'Emeka Okafor',      'emeka@example.org',   'emeka.jpg',   '2025-03-03 10:00:00+00'),
    ( 6, 'Freja Lindqvist',   'freja@example.org',   'freja.png',   '2025-04-14 07:55:00+00'),
    ( 7, 'Grace O''Connor',   'grace@example.org',   'grace.png',   '2025-05-05 08:20:00+00'),
    ( 8, 'Hiroshi 田中',       'hiroshi@example.org', 'hiroshi.png', '2025-06-02 01:30:00+00'),
    ( 9, 'Inês Carvalho',     'ines@example.org',    NULL,          '2025-06-16 09:40:00+00'),
    (10, 'Jakub Nowak',       'jakub@example.org',   'jakub.png',   '2025-08-04 08:00:00+00'),
    (11, 'Kavya Raman',       'kavya@example.org',   'kavya.jpg',   '2025-09-01 05:15:00+00'),
    (12, 'Łucja Zielińska',   'lucja@example.org',   NULL,          '2025-11-03 08:05:00+00')
) AS people (number, name, email, avatar, joined);


INSERT INTO project (id, name, slug, budget, archived, created_at)
SELECT pg_temp.project_id(number), name, slug, budget, archived, began::timestamptz
FROM (VALUES
    (1, 'Mobile app',         'mobile-app',         185000.00,     false, '2025-02-10 09:00:00+00'),
    (2, 'Website relaunch',   'website-relaunch',    64500.50,     false, '2025-03-17 09:00:00+00'),
    (3, 'Billing',            'billing',            120000.00,     false, '2025-04-07 13:00:00+00'),
    (4, 'Data warehouse',     'data-warehouse',  1234567890.12,    false, '2025-05-12 09:30:00+00'),
    (5, 'Help desk',          'help-desk',           32000.75,     false, '2025-06-23 08:00:00+00'),
    (6, 'Office move',        'office-move',         48750.00,     true,  '2025-07-01 07:00:00+00'),
    (7, 'Handbook',           'handbook',                NULL,     false, '2025-09-08 10:15:00+00'),
    (8, 'Search',             'search',                  0.10,     false, '2025-10-20 11:00:00+00')
) AS projects (number, name, slug, budget, archived, began);


INSERT INTO label (id, name, color)
SELECT pg_temp.label_id(number), name, color
FROM (VALUES
    ( 1, 'bug',           '#d73a4a'),
    ( 2, 'feature',       '#2da44e'),
    ( 3, 'chore',         '#8a8f98'),
    ( 4, 'design',        '#bf5af2'),
    ( 5, 'security',      '#b35900'),
    ( 6, 'performance',   '#0969da'),
    ( 7, 'documentation', '#1b7c83'),
    ( 8, 'customer',      '#e3b341'),
    ( 9, 'blocked',       '#000000'),
    (10, 'easy start',    '#7bdcb5')
) AS labels (number, name, color);


-- Tasks 1 to 40, by hand. A parent is inserted with its parts: the reference is checked at the statement's end.
INSERT INTO task (id, project_id, parent_id, author_id, assignee_id, title, note, status, priority, points, estimate,
                  due, tags, meta, position, created_at, updated_at)
SELECT pg_temp.task_id(number), pg_temp.project_id(project), pg_temp.task_id(parent),
       pg_temp.person_id(author), pg_temp.person_id(assignee),
       title, note, status::task_status, priority, points, estimate::interval, due::date, tags::text[], meta::jsonb,
       number * 1024, timestamptz '2026-01-05 09:00:00+00' + number * interval '7 hours 11 minutes',
       timestamptz '2026-02-02 09:00:00+00' + number * interval '5 hours 3 minutes'
FROM (VALUES
    ( 1, 1, NULL,  1,    1, 'Ship version 2 of the app', 'Everything below has to be done first. Release notes go out the evening before.', 'doing', 5, 40, '3 months', '2026-06-30', '{release}', '{"milestone": "2.0", "platforms": ["ios", "android"]}'),
    ( 2, 1,    1,  1,    3, 'Draw the new start screen', 'Three variants, tried with five people each.', 'done', 3, 5, '4 days', '2026-02-13', '{screen,start}', '{"sketches": 3}'),
    ( 3, 1,    1,  3,    5, 'Work without a connection', 'The app keeps its part of the data and catches up later. Nothing may be lost on the way.', 'doing', 5, 21, '6 weeks', '2026-05-15', '{offline,sync}', '{}'),
    ( 4, 1,    3,  5,    5, 'Queue writes while offline', NULL, 'doing', 4, 8, '8 days', '2026-04-10', '{offline}', '{}'),
    ( 5, 1,    3,  5,    8, 'Show what has not been sent yet', 'A small dot next to the row is enough.', 'todo', 3, 3, '2 days', '2026-04-24', '{offline,screen}', '{}'),
    ( 6, 1,    3,  5, NULL, 'Decide what happens when two people edit one task', NULL, 'todo', 4, 5, NULL, NULL, '{offline,decision}', '{}'),
    ( 7, 1,    1,  2,    8, 'Dark colours 🌙', 'Follow the setting of the phone; no switch of our own. 🌞 → 🌙 without a flash, please.', 'done', 2, 3, '3 days', '2026-03-06', '{screen,"dark mode"}', '{"votes": 128}'),
    ( 8, 1, NULL,  9,   10, 'App crashes when the photo is larger than 20 MB', E'1. Open a task\n2. Attach a photo from a recent phone\n3. Wait\n\nOut of memory on older devices.', 'doing', 5, 3, '1 day', '2026-03-02', '{crash,photo}', '{"reports": 17, "devices": {"old": 15, "new": 2}}'),
    ( 9, 2, NULL,  2,    2, 'Relaunch the website', NULL, 'doing', 4, 34, '2 months 15 days', '2026-05-29', '{release}', '{}'),
    (10, 2,    9,  2,    3, 'Choose a typeface', 'Must have Polish and Turkish letters: ż, ı, ğ.', 'done', 2, 2, '6 hours', '2026-01-30', '{design}', '{"candidates": ["Inter", "Source Sans", "Atkinson"]}'),
    (11, 2,    9,  3,    6, 'Write the texts of the front page', NULL, 'doing', 3, 5, '3 days', '2026-03-20', '{text}', '{}'),
    (12, 2,    9,  2,   12, 'Redirect old addresses', 'There are 412 of them; the list is in the shared folder.', 'todo', 3, 3, '2 days', '2026-05-22', '{seo,redirect}', '{"addresses": 412}'),
    (13, 2,    9,  7, NULL, 'Pages must be usable with a keyboard alone', NULL, 'todo', 4, 5, '4 days', '2026-05-08', '{accessibility}', '{}'),
    (14, 2, NULL,  6,    6, 'The newsletter form accepts "a@b"', 'It says "thank you" and sends nothing.', 'done', 3, 1, '2 hours', '2026-01-16', '{form,bug}', '{}'),
    (15, 3, NULL,  4,    4, 'Send invoices by e-mail', NULL, 'doing', 4, 13, '3 weeks', '2026-04-30', '{invoice,mail}', '{}'),
    (16, 3,   15,  4,   11, 'Render invoices as PDF/A', 'The tax office asks for the archival kind.', 'done', 4, 8, '1 week', '2026-02-27', '{invoice,pdf}', '{"standard": "PDF/A-3"}'),
    (17, 3,   15,  4,   11, 'Add the structured part of the invoice', 'EN 16931; the example files are in the folder.', 'doing', 4, 8, '1 week 2 days', '2026-04-03', '{invoice,xml}', '{"standard": "EN 16931", "optional": null}'),
    (18, 3,   15,  1, NULL, 'Remind customers who have not paid', NULL, 'todo', 2, 5, '3 days', NULL, '{invoice,mail}', '{}'),
    (19, 3, NULL, 11,    4, 'Round taxes the way the law says', 'Per line, not on the sum: 0.005 goes up. See § 14.', 'done', 5, 2, '5 hours 30 minutes', '2026-01-23', '{tax,rounding}', '{"example": {"net": 10.05, "tax": 1.91}}'),
    (20, 3, NULL,  7,    4, 'Customer was charged twice', 'A double click on "Pay". Two requests, two payments. Refund is on its way.', 'done', 5, 3, '1 day 4 hours', '2026-02-06', '{payment,bug}', '{"amount": "249.90", "refunded": true}'),
    (21, 4, NULL,  8,    8, 'Nightly import fails on the last day of the month', NULL, 'doing', 5, 5, '2 days', '2026-02-28', '{import,nightly}', '{"failures": 3}'),
    (22, 4,   21,  8,    8, 'Collect the log of a failing import', pg_temp.import_log(), 'done', 4, 1, '1 hour', '2026-02-03', '{import,log}', '{}'),
    (23, 4,   21,  8,   10, 'Find out why the import counted 9007199254740993 rows', 'The counter was right, the dashboard rounded it.', 'done', 3, 9007199254740993, '4 hours', '2026-02-10', '{import,number}', '{}'),
    (24, 4, NULL,  1,   11, 'Answer "how many customers came back?"', 'By month and by country. Nobody agrees on what "came back" means, so write the definition down first.', 'todo', 3, 8, '1 week', '2026-04-17', '{report}', '{}'),
    (25, 4, NULL, 11, NULL, 'Delete what we may not keep any longer', 'Two years for logs, ten for invoices.', 'todo', 4, 5, '5 days', '2026-12-31', '{privacy,retention}', '{"logs": "P2Y", "invoices": "P10Y"}'),
    (26, 5, NULL,  7,    7, 'Answer within one working day', 'Today it is 31 hours in the median.', 'doing', 4, 13, NULL, '2026-06-01', '{goal}', '{"median_hours": 31.25, "goal_hours": 8}'),
    (27, 5,   26,  7,    9, 'Sort questions by how urgent they are', NULL, 'done', 3, 3, '2 days', '2026-02-20', '{queue}', '{}'),
    (28, 5,   26,  7,    9, 'Write answers to the ten most common questions', NULL, 'doing', 3, 5, '1 week', '2026-03-27', '{answers,text}', '{"written": 6}'),
    (29, 5,   26,  9, NULL, 'Tell customers when someone is reading their question', NULL, 'todo', 1, 5, NULL, NULL, '{}', '{}'),
    (30, 5, NULL,  9,    7, 'Attachments with an umlaut in their name cannot be opened', '`Rückgabe.pdf` arrives as `R%C3%BCckgabe.pdf`.', 'done', 3, 1, '90 minutes', '2026-01-28', '{attachment,bug}', '{}'),
    (31, 6, NULL,  6,    6, 'Find a place for forty people', NULL, 'done', 5, 21, '2 months', '2025-09-30', '{}', '{"people": 40}'),
    (32, 6,   31,  6,    2, 'Ask everyone how they get to work', NULL, 'done', 2, 2, '1 day', '2025-08-08', '{survey}', '{"answers": 37}'),
    (33, 6, NULL,  6,   12, 'Order desks', 'Standing ones. Delivery takes eight weeks!', 'done', 3, 2, '3 hours', '2025-10-10', '{furniture}', '{}'),
    (34, 7, NULL, 12,   12, 'First day: a page that answers everything', NULL, 'doing', 3, 5, '3 days', '2026-03-13', '{page}', '{}'),
    (35, 7,   34, 12,    6, 'Who is who, with pictures', NULL, 'done', 1, 2, '4 hours', '2026-02-11', '{page,people}', '{}'),
    (36, 7,   34, 12, NULL, 'How to get a laptop, a key and a coffee ☕', NULL, 'todo', 2, 1, '2 hours', NULL, '{page}', '{}'),
    (37, 8, NULL, 10,   10, 'Find tasks by words in their notes', NULL, 'doing', 4, 13, '3 weeks', '2026-04-20', '{index,text}', '{}'),
    (38, 8,   37, 10,   10, 'Choose how to split Japanese text into words', '「東京都」 is one word or two.', 'todo', 2, 8, NULL, NULL, '{index,language}', '{"languages": ["ja"]}'),
    (39, 8,   37, 10,    5, 'Find "naïve" when someone types "naive"', NULL, 'done', 3, 3, '1 day', '2026-03-04', '{index,language}', '{}'),
    (40, 8, NULL,  5, NULL, 'Results appear while typing', 'Under 100 ms, or it feels slow.', 'todo', 3, 8, '2 weeks', '2026-07-17', '{speed}', '{"limit_ms": 100}')
) AS tasks (number, project, parent, author, assignee, title, note, status, priority, points, estimate, due, tags, meta);

-- Tasks 41 to 160: three for each of five things of each project.
INSERT INTO task (id, project_id, author_id, assignee_id, title, status, priority, points, estimate,
                  due, tags, position, created_at, updated_at)
SELECT pg_temp.task_id(number), pg_temp.project_id(project),
       pg_temp.person_id(1 + number * 5 % 12),
       -- Every seventh waits for somebody to take it.
       pg_temp.person_id(CASE WHEN number % 7 <> 0 THEN 1 + number * 11 % 12 END),
       format(title, thing),
       (ARRAY['todo', 'doing', 'todo', 'done', 'todo', 'done'])[1 + number * 7 % 6]::task_status,
       number * 5 / 3 % 6,
       (ARRAY[1, 2, 3, 5, 8, 13, NULL])[1 + number % 7],
       make_interval(hours => 2 * (1 + number * 5 % 20)),
       CASE WHEN number % 4 <> 0 THEN date '2026-03-02' + number * 13 % 150 END,
       ARRAY[tag], number * 1024,
       timestamptz '2026-01-12 08:00:00+00' + number * interval '4 hours 7 minutes',
       timestamptz '2026-02-09 08:00:00+00' + number * interval '3 hours 29 minutes'
FROM (
    SELECT 40 + row_number() OVER (ORDER BY action.number, thing_number, project)::integer AS number,
           project, thing, title, tag
    FROM (VALUES
        (1, ARRAY['the sign-in screen', 'push messages', 'the photo picker', 'the settings page', 'the widget']),
        (2, ARRAY['the price list', 'the contact form', 'the image gallery', 'the press page', 'the cookie notice']),
        (3, ARRAY['credit notes', 'the tax report', 'the payment page', 'yearly contracts', 'the exchange rates']),
        (4, ARRAY['the customer table', 'the sales dashboard', 'the hourly import', 'the backup', 'the access rules']),
        (5, ARRAY['the ticket list', 'canned answers', 'the satisfaction survey', 'the phone queue', 'mail signatures']),
        (6, ARRAY['the floor plan', 'the meeting rooms', 'the bicycle racks', 'the kitchen', 'the network cabling']),
        (7, ARRAY['the holiday rules', 'the travel policy', 'the glossary', 'the reading list', 'the expense guide']),
        (8, ARRAY['the ranking', 'the spelling hints', 'the index rebuild', 'saved searches', 'the filter bar'])
    ) AS subjects (project, things)
    CROSS JOIN LATERAL unnest(things) WITH ORDINALITY AS subject (thing, thing_number)
    CROSS JOIN (VALUES
        (1, 'Review %s', 'review'), (2, 'Improve %s', 'better'), (3, 'Write down how we handle %s', 'text')
    ) AS action (number, title, tag)
) AS tasks;


-- About a comment and a half for each task that somebody works on. The numbers come from the identity column, in
-- this order.
INSERT INTO comment (task_id, author_id, body, created_at)
SELECT pg_temp.task_id(task), pg_temp.person_id(1 + (task * 7 + turn * 5) % 12),
       (ARRAY[
           'I can take this one.',
           'Looked at it this morning: smaller than we thought.',
           'Waiting for an answer from the customer.',
           'Could somebody check whether this still happens?',
           'Done on my side, please have a look.',
           'Same here. Happened twice last week.',
           'Let''s talk about it on Thursday.',
           'I would leave this for after the release.',
           'The numbers look right now. Thank you!',
           'Does this need a line in the handbook?',
           'Moved to next week, the test machine is down.',
           '👍',
           'Found the cause: a time zone, of course.',
           'Split off the hard part, see the new task.',
           'Works for me on both machines.',
           'What should happen if the list is empty?',
           'Agreed. Simplest thing first.'
       ])[1 + (task * 3 + turn * 5) % 17],
       timestamptz '2026-02-10 09:00:00+00' + task * interval '2 hours 13 minutes' + turn * interval '6 hours 40 minutes'
FROM generate_series(1, 160) AS task
CROSS JOIN generate_series(1, 3) AS turn
WHERE (task * 5 + turn * 3) % 12 < 5
ORDER BY turn, task;


-- One label for each task, and a second one for some.
INSERT INTO task_label (task_id, label_id)
SELECT pg_temp.task_id(task), pg_temp.label_id(1 + task * 7 % 10)
FROM generate_series(1, 160) AS task
UNION
SELECT pg_temp.task_id(task), pg_temp.label_id(1 + task * 3 % 10)
FROM generate_series(1, 160, 3) AS task;
