-- leasehold: phase expand
-- Durable work in steps. A worker holds an operation by owner, fence and lease_until; each of its writes says
-- "AND fence = $n", so the late write of a worker that has lost its hold changes no row.

CREATE TABLE registry_operation (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    kind         text NOT NULL CHECK (kind ~ '^[a-z][a-z0-9_]{0,62}$'),
    tenant_id    uuid REFERENCES registry_tenant,  -- NULL: of a server or of the platform
    state        text NOT NULL DEFAULT 'queued'
                 CHECK (state IN ('queued', 'running', 'waiting', 'succeeded', 'failed', 'cancelled')),
    parameters   jsonb NOT NULL DEFAULT '{}',
    result       jsonb,
    error        jsonb,
    waiting_for  text,
    cancel_requested_at timestamptz,
    created_by   text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    started_at   timestamptz,
    finished_at  timestamptz,
    owner        text,
    fence        bigint NOT NULL DEFAULT 0,
    lease_until  timestamptz,
    not_before   timestamptz,  -- waiting: when it may go on by itself; NULL = when it is told to
    CHECK ((state IN ('succeeded', 'failed', 'cancelled')) = (finished_at IS NOT NULL)),
    CHECK (state <> 'running' OR (owner IS NOT NULL AND lease_until IS NOT NULL))
);
-- One operation per tenant at a time.
CREATE UNIQUE INDEX registry_operation_open ON registry_operation (tenant_id)
    WHERE state IN ('queued', 'running', 'waiting');
CREATE INDEX registry_operation_tenant ON registry_operation (tenant_id, created_at);
CREATE INDEX registry_operation_created ON registry_operation (created_at);
CREATE INDEX registry_operation_claimable ON registry_operation (created_at)
    WHERE state IN ('queued', 'running', 'waiting');

CREATE TABLE registry_operation_step (
    operation_id  uuid NOT NULL REFERENCES registry_operation ON DELETE CASCADE,
    position      bigint NOT NULL CHECK (position > 0),
    name          text NOT NULL,
    state         text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'running', 'done', 'failed')),
    attempts      bigint NOT NULL DEFAULT 0,
    started_at    timestamptz,
    finished_at   timestamptz,
    error         jsonb,
    output        jsonb,
    PRIMARY KEY (operation_id, position),
    UNIQUE (operation_id, name)
);

-- Wakes the workers; they poll besides.
CREATE FUNCTION registry_operation_notify() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM pg_notify('registry_operation', NEW.id::text);
    RETURN NULL;
END $$;

CREATE TRIGGER registry_operation_notify AFTER INSERT OR UPDATE OF state ON registry_operation
    FOR EACH ROW WHEN (NEW.state = 'queued') EXECUTE FUNCTION registry_operation_notify();

-- Takes the oldest operation that may run (queued, waiting and due, or running under an owner that is gone), gives it
-- the next fence and returns it; no row when there is none.
CREATE FUNCTION registry_operation_claim(p_owner text, p_lease interval) RETURNS SETOF registry_operation
LANGUAGE sql SET search_path = public, pg_temp AS $$
    UPDATE registry_operation o
       SET state = 'running', owner = p_owner, fence = o.fence + 1, lease_until = now() + p_lease,
           started_at = coalesce(o.started_at, now()), not_before = NULL, waiting_for = NULL
     WHERE o.id = (SELECT c.id FROM registry_operation c
                    WHERE (c.state = 'queued' AND (c.not_before IS NULL OR c.not_before <= now()))
                       OR (c.state = 'waiting' AND c.not_before <= now())
                       OR (c.state = 'running' AND c.lease_until < now())
                    ORDER BY c.created_at LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING o.*
$$;

-- Renews the hold; false: it is lost, stop.
CREATE FUNCTION registry_operation_hold(p_operation uuid, p_fence bigint, p_lease interval) RETURNS boolean
LANGUAGE sql SET search_path = public, pg_temp AS $$
    WITH held AS (
        UPDATE registry_operation SET lease_until = now() + p_lease
         WHERE id = p_operation AND fence = p_fence AND state = 'running' RETURNING id)
    SELECT EXISTS (SELECT FROM held)
$$;
