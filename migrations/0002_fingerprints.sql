-- Files of fingerprints that organizations have enrolled; the files lie in the data directory, under their checksums.

CREATE TABLE fingerprint_file (
    organization TEXT NOT NULL REFERENCES organization (id),
    kind TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    key_id TEXT NOT NULL,
    fingerprints BIGINT NOT NULL,
    checksum TEXT NOT NULL,
    imported_at BIGINT NOT NULL,
    PRIMARY KEY (organization, kind, epoch)
);
