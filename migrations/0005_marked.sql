-- Offers recorded before their sellers were marked and what they promise was kept are read again, some at a time.
ALTER TABLE post ADD COLUMN is_marked BIGINT NOT NULL DEFAULT 0;
CREATE INDEX post_unmarked ON post (source, thread, id) WHERE is_marked = 0 AND sale >= 0.5;
CREATE INDEX leak_case_unweighed ON leak_case (id) WHERE severity IS NULL AND merged_into IS NULL;
