-- Who a user is at the organization's own login: issuer and subject, once they have come in that way.
ALTER TABLE console_user ADD COLUMN oidc_subject TEXT;
CREATE UNIQUE INDEX console_user_subject ON console_user (oidc_subject);
