-- Cases that an analyst has split: a hit does not tie them together again.
CREATE TABLE case_apart (
    one TEXT NOT NULL REFERENCES leak_case (id),
    other TEXT NOT NULL REFERENCES leak_case (id),
    PRIMARY KEY (one, other)
);
CREATE INDEX case_apart_other ON case_apart (other);
