-- Who works in the console.

CREATE TABLE console_user (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    -- admin, analyst, member
    role TEXT NOT NULL,
    -- Whose cases a member sees; NULL for the others.
    organization TEXT REFERENCES organization (id),
    -- argon2id, as a PHC string; NULL until the invitation is taken up.
    password_hash TEXT,
    -- The secret of the authenticator app; NULL until it is set up.
    sealed_totp BYTEA,
    -- The last step of which a code was taken.
    totp_step BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    disabled_at BIGINT
);

-- Codes for who has lost the authenticator; each counts once.
CREATE TABLE recovery_code (
    console_user TEXT NOT NULL REFERENCES console_user (id),
    digest TEXT NOT NULL,
    used_at BIGINT,
    PRIMARY KEY (console_user, digest)
);

-- One-time links: to set a password, or (door) straight in.
CREATE TABLE invitation (
    digest TEXT NOT NULL PRIMARY KEY,
    console_user TEXT NOT NULL REFERENCES console_user (id),
    kind TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX invitation_user ON invitation (console_user);

CREATE TABLE console_session (
    digest TEXT NOT NULL PRIMARY KEY,
    console_user TEXT NOT NULL REFERENCES console_user (id),
    -- code, setup, full
    stage TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    address TEXT NOT NULL,
    agent TEXT NOT NULL
);
CREATE INDEX console_session_user ON console_session (console_user);

-- Failed logins, by user and by address.
CREATE TABLE login_attempt (
    subject TEXT NOT NULL PRIMARY KEY,
    failures BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    blocked_until BIGINT NOT NULL
);
