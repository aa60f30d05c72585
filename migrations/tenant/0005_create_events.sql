-- leasehold: phase expand
-- What happened on a host. The agent makes the id (UUIDv7), so a repeated event is stored once.

CREATE TABLE events (
    id       uuid PRIMARY KEY,
    at       timestamptz NOT NULL,
    host_id  uuid NOT NULL REFERENCES hosts ON DELETE CASCADE,
    kind     text NOT NULL,
    detail   jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX events_host ON events (host_id, at);
CREATE INDEX events_at ON events (at);
