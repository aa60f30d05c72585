-- leasehold: phase expand
-- Tags that people put on hosts, apart from the labels that tokens and agents give.

CREATE TABLE tags (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name        text NOT NULL UNIQUE,
    colour      text,
    created_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE host_tags (
    host_id  uuid NOT NULL REFERENCES hosts ON DELETE CASCADE,
    tag_id   uuid NOT NULL REFERENCES tags ON DELETE CASCADE,
    PRIMARY KEY (host_id, tag_id)
);
CREATE INDEX host_tags_tag ON host_tags (tag_id);
