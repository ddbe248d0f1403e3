-- Tokens of programs that use the API: each acts for a user, within scopes.

CREATE TABLE api_token (
    id TEXT NOT NULL PRIMARY KEY,
    -- Keyed, so that it tells nobody what the token is.
    digest TEXT NOT NULL UNIQUE,
    console_user TEXT NOT NULL REFERENCES console_user (id),
    label TEXT NOT NULL,
    -- Words, separated by spaces: read, triage, sources, enrol.
    scopes TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    seen_at BIGINT,
    revoked_at BIGINT
);
CREATE INDEX api_token_user ON api_token (console_user);
