-- Signed heads of the ledger, one a day at most; each covers the rows up to its number.
CREATE TABLE ledger_head (
    day TEXT NOT NULL PRIMARY KEY,
    number BIGINT NOT NULL,
    signed_at BIGINT NOT NULL,
    document TEXT NOT NULL,
    signature TEXT NOT NULL,
    public_key TEXT NOT NULL,
    -- The answer of a time-stamping authority (RFC 3161), as it came.
    stamp BYTEA,
    stamped_at BIGINT,
    -- When the authority is asked next; NULL when it is not.
    stamp_due_at BIGINT,
    stamp_attempts BIGINT NOT NULL,
    stamp_error TEXT
);
CREATE INDEX ledger_head_number ON ledger_head (number);

-- Leaves of the commitments to planted records; the roots are rows of the ledger. Never changed, never removed.
CREATE TABLE canary_leaf (
    organization TEXT NOT NULL,
    commitment BIGINT NOT NULL,
    place BIGINT NOT NULL,
    canary TEXT NOT NULL,
    leaf TEXT NOT NULL,
    sealed_opening BYTEA NOT NULL,
    PRIMARY KEY (organization, commitment, place)
);
CREATE INDEX canary_leaf_canary ON canary_leaf (organization, canary, commitment);
