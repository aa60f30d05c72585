-- leasehold: phase expand
-- What was loaded, from where and when.

CREATE TABLE shared_import (
    id        uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    source    text NOT NULL,
    started   timestamptz NOT NULL DEFAULT now(),
    finished  timestamptz,
    rows      bigint NOT NULL DEFAULT 0,
    error     text
);
CREATE INDEX shared_import_started ON shared_import (started);
