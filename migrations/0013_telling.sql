-- Who is told when, and by which ways: alerts that wait for their hour, share a mail or go on to the next contact.

-- While it is held: until when. It may then share a mail with others that have waited.
ALTER TABLE alert ADD COLUMN held_until BIGINT;
ALTER TABLE alert ADD COLUMN gathers BIGINT NOT NULL DEFAULT 0;
-- The alert whose mail tells of this one too.
ALTER TABLE alert ADD COLUMN bundle TEXT;
-- Sent only if nobody acknowledges its case.
ALTER TABLE alert ADD COLUMN escalates BIGINT NOT NULL DEFAULT 0;
-- What kind of failure the last one was.
ALTER TABLE alert ADD COLUMN failure TEXT;
CREATE INDEX alert_bundle ON alert (bundle) WHERE bundle IS NOT NULL;
CREATE INDEX alert_sent ON alert (organization, sent_at) WHERE sent_at IS NOT NULL;

-- Other ways than mail by which an organization is told; all else of them is sealed with the organization.
CREATE TABLE channel (
    organization TEXT NOT NULL REFERENCES organization (id),
    name TEXT NOT NULL,
    PRIMARY KEY (organization, name)
);

-- Addresses that are asked whether they are right. The newest question counts; an answer ends it.
CREATE TABLE contact_question (
    organization TEXT NOT NULL REFERENCES organization (id),
    address TEXT NOT NULL,
    id TEXT NOT NULL,
    asked_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    -- Wrong codes.
    wrong BIGINT NOT NULL DEFAULT 0,
    -- The mail: when it is tried next, and how that went.
    due_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0,
    sent_at BIGINT,
    last_error TEXT,
    PRIMARY KEY (organization, address)
);
CREATE UNIQUE INDEX contact_question_id ON contact_question (id);
