-- Words are looked for in the titles of threads where cases were seen, not in every thread that was ever read.

-- Title of the sighting's thread in small letters, as far as it is known.
ALTER TABLE case_sighting ADD COLUMN words TEXT;

-- The same titles, many to a row, because many short rows take longer to read. Lines are added and never taken away: what is
-- found here is looked up in case_sighting.
CREATE TABLE title_sheet (
    organization TEXT NOT NULL,
    number BIGINT NOT NULL,
    -- A title a line.
    words TEXT NOT NULL,
    -- The case of each line; it may be part of another by now.
    cases TEXT NOT NULL,
    PRIMARY KEY (organization, number)
);

-- 'missing' until the titles of what was seen before have been written down, too.
INSERT INTO meta (name, content) VALUES ('titles', 'missing');

-- Entries are mostly fingerprints; custodians are asked of the others.
CREATE INDEX case_entry_canary ON case_entry (organization, entry, leak_case) WHERE kind = 'canary';
