-- leasehold: phase expand
-- Security advisories and the package versions that mend them. Tenants refer to them by value, never by foreign key.

CREATE TABLE shared_advisory (
    id            text PRIMARY KEY,
    source        text NOT NULL,
    severity      text NOT NULL CHECK (severity IN ('unknown', 'low', 'medium', 'high', 'critical')),
    title         text NOT NULL DEFAULT '',
    url           text,
    published_at  timestamptz,
    modified_at   timestamptz,
    detail        jsonb NOT NULL DEFAULT '{}'
);

CREATE TABLE shared_advisory_package (
    advisory_id    text NOT NULL REFERENCES shared_advisory ON DELETE CASCADE,
    distribution   text NOT NULL,
    version        text NOT NULL,  -- of the distribution
    package        text NOT NULL,
    fixed_version  text,           -- NULL: not mended yet
    PRIMARY KEY (advisory_id, distribution, version, package)
);
CREATE INDEX shared_advisory_package_name ON shared_advisory_package (distribution, version, package);
