-- What the console asks for in pages: levels and times of cases as columns, and an index for each order in which rows are listed.

-- 0 not weighed yet, 1 low … 4 critical: the level that the assessment names.
ALTER TABLE leak_case ADD COLUMN grave BIGINT NOT NULL DEFAULT 0;
UPDATE leak_case SET grave = CASE WHEN severity LIKE '{"severity":"critical"%' THEN 4
    WHEN severity LIKE '{"severity":"high"%' THEN 3 WHEN severity LIKE '{"severity":"medium"%' THEN 2
    WHEN severity LIKE '{"severity":"low"%' THEN 1 ELSE 0 END;

-- When somebody first looked at it.
ALTER TABLE leak_case ADD COLUMN first_acknowledged_at BIGINT;
UPDATE leak_case SET first_acknowledged_at = (SELECT MIN(m.at) FROM case_move m
    WHERE m.leak_case = leak_case.id AND m.to_state IN ('acknowledged', 'confirmed', 'false_positive', 'closed'));

CREATE INDEX leak_case_newest ON leak_case (first_matched_at, id) WHERE merged_into IS NULL;
CREATE INDEX leak_case_own_newest ON leak_case (organization, first_matched_at, id) WHERE merged_into IS NULL;
CREATE INDEX leak_case_gravest ON leak_case (grave, first_matched_at, id) WHERE merged_into IS NULL;
CREATE INDEX leak_case_own_gravest ON leak_case (organization, grave, first_matched_at, id) WHERE merged_into IS NULL;
CREATE INDEX leak_case_state ON leak_case (state, grave, first_matched_at, id) WHERE merged_into IS NULL;
CREATE INDEX leak_case_own_state ON leak_case (organization, state, grave, first_matched_at, id) WHERE merged_into IS NULL;

-- All hits of a visit are of one time: only with the id is a page's end a place in the index.
DROP INDEX hit_case;
DROP INDEX hit_organization;
CREATE INDEX hit_case_newest ON hit (leak_case, seen_at, id);
CREATE INDEX hit_own_newest ON hit (organization, seen_at, id);
CREATE INDEX hit_newest ON hit (seen_at, id);
CREATE INDEX hit_entry ON hit (leak_case, kind, entry);

CREATE INDEX case_entry_entry ON case_entry (entry);
CREATE INDEX case_sighting_source ON case_sighting (source, leak_case);
CREATE INDEX case_sighting_spot ON case_sighting (source, thread, post) WHERE thread IS NOT NULL;
CREATE INDEX case_sighting_seen ON case_sighting (seen_at, organization, source);
CREATE INDEX post_offerer ON post (author) WHERE author IS NOT NULL AND sale >= 0.5;

CREATE INDEX alert_newest ON alert (created_at, id);
CREATE INDEX alert_own_newest ON alert (organization, created_at, id);
CREATE INDEX case_move_own ON case_move (organization, number);
CREATE INDEX frontier_lists ON frontier (source, last_visited_at) WHERE due_at IS NOT NULL AND kind_rank <= 1;
