-- What tells whose copy leaked: the secret of a delivery, how the rows found are rendered, fingerprints of what was delivered.

ALTER TABLE delivery ADD COLUMN sealed_deal BYTEA;
-- Keyed, so that it tells nobody without the key what the secret is; empty without one.
ALTER TABLE delivery ADD COLUMN deal_digest TEXT NOT NULL DEFAULT '';

-- renderings::Renderings, as a number.
ALTER TABLE hit ADD COLUMN renderings BIGINT NOT NULL DEFAULT 0;

-- Files of the fingerprints of one delivery's rows; they lie in the data directory, under their checksums.
CREATE TABLE delivered_file (
    organization TEXT NOT NULL REFERENCES organization (id),
    delivery TEXT NOT NULL,
    kind TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    key_id TEXT NOT NULL,
    fingerprints BIGINT NOT NULL,
    checksum TEXT NOT NULL,
    PRIMARY KEY (organization, delivery, kind, epoch)
);
