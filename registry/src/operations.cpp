#include "columns.hpp"

#include <leasehold/registry/operations.hpp>

#include <fmt/format.h>

namespace leasehold::registry {
namespace {

using database::query;
using database::transaction;

#define LEASEHOLD_OPERATION_COLUMNS                                                                          \
    "id, kind, tenant_id, state, parameters, result, error, waiting_for, cancel_requested_at is not null "   \
    "as "                                                                                                    \
    "cancel_requested, created_by, " LEASEHOLD_UTC("created_at"                                              \
    ) " as created_at, " LEASEHOLD_UTC("started_at") " as started_at, " LEASEHOLD_UTC("finished_at"          \
    ) " as finished_at, fence "

constexpr query insert_operation{"operation_insert", R"(
    insert into public.registry_operation (id, kind, tenant_id, parameters, created_by)
    values ($1::uuid, $2, $3::uuid, $4::jsonb, $5))"};

constexpr query open_operation{"operation_open", R"(
    select id, kind from public.registry_operation
     where tenant_id = $1::uuid and state in ('queued', 'running', 'waiting'))"};

constexpr query lock_tenant{"operation_lock_tenant", R"(
    select id from public.registry_tenant where id = $1::uuid for no key update)"};

constexpr query find_operation{
    "operation_find",
    "select " LEASEHOLD_OPERATION_COLUMNS " from public.registry_operation where id = $1::uuid"};

constexpr query list_operations{"operations_list", "select " LEASEHOLD_OPERATION_COLUMNS R"(
      from public.registry_operation
     where ($1::uuid is null or tenant_id = $1::uuid) and ($2::uuid is null or id < $2::uuid)
     order by id desc limit $3::bigint)"};

constexpr query list_steps{
    "operation_steps",
    "select name, state, attempts, " LEASEHOLD_UTC("started_at"
    ) " as started_at, " LEASEHOLD_UTC("finished_at") R"( as finished_at, error, output
      from public.registry_operation_step where operation_id = $1::uuid order by position)"};

constexpr query claim_operation{"operation_claim", "select " LEASEHOLD_OPERATION_COLUMNS R"(
      from public.registry_operation_claim($1, make_interval(secs => $2::float8)))"};

constexpr query hold_operation{"operation_hold", R"(
    select public.registry_operation_hold($1::uuid, $2::bigint, make_interval(secs => $3::float8)) as held)"};

// Every write of a worker names its fence; one that lost its hold changes no row.
constexpr query still_mine{"operation_still_mine", R"(
    select 1 from public.registry_operation where id = $1::uuid and fence = $2::bigint and state = 'running' for update)"};

constexpr query insert_step{"operation_step_insert", R"(
    insert into public.registry_operation_step (operation_id, position, name) values ($1::uuid, $2::bigint, $3)
    on conflict (operation_id, name) do nothing)"};

constexpr query start_step{"operation_step_start", R"(
    update public.registry_operation_step
       set state = 'running', attempts = attempts + 1, started_at = coalesce(started_at, now()), error = null
     where operation_id = $1::uuid and name = $2)"};

constexpr query finish_step{"operation_step_finish", R"(
    update public.registry_operation_step set state = 'done', finished_at = now(), output = $3::jsonb, error = null
     where operation_id = $1::uuid and name = $2)"};

constexpr query fail_step{"operation_step_fail", R"(
    update public.registry_operation_step set state = 'failed', error = $3::jsonb
     where operation_id = $1::uuid and name = $2)"};

constexpr query end_operation{"operation_end", R"(
    update public.registry_operation
       set state = $2, result = $3::jsonb, error = $4::jsonb, finished_at = now(), owner = null, lease_until = null,
           waiting_for = null
     where id = $1::uuid)"};

constexpr query pause_operation{"operation_wait", R"(
    update public.registry_operation
       set state = 'waiting', waiting_for = $2, not_before = now() + make_interval(secs => $3::float8), owner = null,
           lease_until = null
     where id = $1::uuid)"};

constexpr query requeue_operation{"operation_retry", R"(
    update public.registry_operation
       set state = 'queued', error = null, finished_at = null, not_before = null, waiting_for = null,
           cancel_requested_at = null
     where id = $1::uuid and state in ('failed', 'waiting'))"};

constexpr query mark_cancel{"operation_cancel_request", R"(
    update public.registry_operation
       set cancel_requested_at = coalesce(cancel_requested_at, now()),
           state = case when state in ('failed', 'waiting') then 'queued' else state end, not_before = null,
           finished_at = null
     where id = $1::uuid and state in ('queued', 'running', 'waiting', 'failed'))"};

operation to_operation(const database::row& row)
{
    operation found;
    found.id = row.get<operation_id>("id");
    found.kind = row.get<std::string>("kind");
    found.tenant = row.find<tenant_id>("tenant_id");
    found.state = row.get<std::string>("state");
    found.parameters = read_json(row, "parameters");
    found.result = read_json(row, "result");
    found.error = read_json(row, "error");
    found.waiting_for = row.find<std::string>("waiting_for");
    found.cancel_requested = row.get<bool>("cancel_requested");
    found.created_by = row.get<std::string>("created_by");
    found.created_at = read_time(row, "created_at");
    found.started_at = find_time(row, "started_at");
    found.finished_at = find_time(row, "finished_at");
    found.fence = row.get<std::int64_t>("fence");
    return found;
}

void read_steps(transaction& tx, operation& into)
{
    for (const auto& row : tx.find_all(list_steps, into.id)) {
        operation_step step;
        step.name = row.get<std::string>("name");
        step.state = row.get<std::string>("state");
        step.attempts = row.get<std::int64_t>("attempts");
        step.started_at = find_time(row, "started_at");
        step.finished_at = find_time(row, "finished_at");
        step.error = read_json(row, "error");
        step.output = read_json(row, "output");
        into.steps.push_back(std::move(step));
    }
}

void must_hold(transaction& tx, const operation_id& id, std::int64_t fence)
{
    if (tx.find_one(still_mine, id, fence)) return;
    throw error(error_kind::conflict, "operation_lost", "another worker holds this operation now");
}

double seconds(std::chrono::milliseconds duration)
{
    return std::chrono::duration<double>(duration).count();
}

std::optional<tenant_id> tenant_of(transaction& tx, const operation_id& id)
{
    return tx.get_one(find_operation, id).find<tenant_id>("tenant_id");
}

}  // namespace

task<operation_id>
operations::start(principal who, std::string kind, std::optional<tenant_id> tenant, nlohmann::json parameters)
{
    co_return co_await pool_.run([&](transaction& tx) {
        if (tenant) {
            if (!tx.find_one(lock_tenant, *tenant)) {
                throw error(error_kind::not_found, "tenant_not_found", "there is no such tenant");
            }
            if (const auto open = tx.find_one(open_operation, *tenant)) {
                throw error(
                    error_kind::conflict,
                    "operation_in_progress",
                    fmt::format(
                        "operation {} ({}) of this tenant is not finished",
                        open->get<std::string>("id"),
                        open->get<std::string>("kind")
                    )
                );
            }
        }
        const auto id = operation_id::time_ordered();
        tx.change(insert_operation, id, kind, tenant, parameters.dump(), who.name);
        append_audit(
            tx, who, "operation.start", tenant, id.to_string(), {{"kind", kind}, {"parameters", parameters}}
        );
        return id;
    });
}

task<operation> operations::get(operation_id id)
{
    co_return co_await pool_.run([&](transaction& tx) {
        const auto row = tx.find_one(find_operation, id);
        if (!row) throw error(error_kind::not_found, "operation_not_found", "there is no such operation");
        auto found = to_operation(*row);
        read_steps(tx, found);
        return found;
    });
}

task<std::vector<operation>>
operations::list(std::optional<tenant_id> tenant, std::optional<operation_id> after, int limit)
{
    co_return co_await pool_.run([&](transaction& tx) {
        std::vector<operation> found;
        for (const auto& row : tx.find_all(list_operations, tenant, after, limit)) {
            found.push_back(to_operation(row));
            read_steps(tx, found.back());
        }
        return found;
    });
}

task<std::optional<operation>> operations::claim(std::string owner, std::chrono::milliseconds lease)
{
    co_return co_await pool_.run([&](transaction& tx) {
        std::optional<operation> found;
        if (const auto row = tx.find_one(claim_operation, owner, seconds(lease))) {
            found = to_operation(*row);
            read_steps(tx, *found);
        }
        return found;
    });
}

task<bool> operations::hold(operation_id id, std::int64_t fence, std::chrono::milliseconds lease)
{
    co_return co_await pool_.run([&](transaction& tx) {
        return tx.get_one(hold_operation, id, fence, seconds(lease)).get<bool>("held");
    });
}

task<void> operations::plan_steps(operation_id id, std::int64_t fence, std::vector<std::string> names)
{
    co_await pool_.run([&](transaction& tx) {
        must_hold(tx, id, fence);
        std::int64_t position = 0;
        for (const auto& name : names) tx.change(insert_step, id, ++position, name);
    });
}

task<void> operations::step_started(operation_id id, std::int64_t fence, std::string name)
{
    co_await pool_.run([&](transaction& tx) {
        must_hold(tx, id, fence);
        tx.change(start_step, id, name);
    });
}

task<void> operations::step_done(
    operation_id id, std::int64_t fence, std::string name, nlohmann::json output, std::string next
)
{
    co_await pool_.run([&](transaction& tx) {
        must_hold(tx, id, fence);
        tx.change(finish_step, id, name, to_column(output));
        if (!next.empty()) tx.change(start_step, id, next);
    });
}

task<void>
operations::step_failed(operation_id id, std::int64_t fence, std::string name, nlohmann::json error)
{
    co_await pool_.run([&](transaction& tx) {
        must_hold(tx, id, fence);
        tx.change(fail_step, id, name, to_column(error));
    });
}

task<void> operations::succeed(principal who, operation_id id, std::int64_t fence, nlohmann::json result)
{
    co_await pool_.run([&](transaction& tx) {
        must_hold(tx, id, fence);
        tx.change(end_operation, id, std::string("succeeded"), to_column(result), std::nullopt);
        append_audit(
            tx, who, "operation.succeeded", tenant_of(tx, id), id.to_string(), nlohmann::json::object()
        );
    });
}

task<void> operations::fail(principal who, operation_id id, std::int64_t fence, nlohmann::json why)
{
    co_await pool_.run([&](transaction& tx) {
        must_hold(tx, id, fence);
        tx.change(end_operation, id, std::string("failed"), std::nullopt, to_column(why));
        append_audit(tx, who, "operation.failed", tenant_of(tx, id), id.to_string(), why, "failed");
    });
}

task<void> operations::wait(
    operation_id id,
    std::int64_t fence,
    std::string waiting_for,
    std::optional<std::chrono::milliseconds> pause
)
{
    co_await pool_.run([&](transaction& tx) {
        must_hold(tx, id, fence);
        std::optional<double> wait;
        if (pause) wait = seconds(*pause);
        tx.change(pause_operation, id, waiting_for, wait);
    });
}

task<void> operations::retry(principal who, operation_id id)
{
    co_await pool_.run([&](transaction& tx) {
        const auto row = tx.find_one(find_operation, id);
        if (!row) throw error(error_kind::not_found, "operation_not_found", "there is no such operation");
        const auto tenant = row->find<tenant_id>("tenant_id");
        if (tx.change(requeue_operation, id) == 0) {
            throw error(
                error_kind::conflict,
                "operation_state",
                fmt::format(
                    "the operation is {}: only failed and waiting ones are tried again",
                    row->get<std::string>("state")
                )
            );
        }
        append_audit(tx, who, "operation.retry", tenant, id.to_string(), nlohmann::json::object());
    });
}

task<void> operations::cancelled(principal who, operation_id id, std::int64_t fence)
{
    co_await pool_.run([&](transaction& tx) {
        must_hold(tx, id, fence);
        tx.change(end_operation, id, std::string("cancelled"), std::nullopt, std::nullopt);
        append_audit(
            tx, who, "operation.cancelled", tenant_of(tx, id), id.to_string(), nlohmann::json::object()
        );
    });
}

task<void> operations::request_cancel(principal who, operation_id id)
{
    co_await pool_.run([&](transaction& tx) {
        const auto row = tx.find_one(find_operation, id);
        if (!row) throw error(error_kind::not_found, "operation_not_found", "there is no such operation");
        if (tx.change(mark_cancel, id) == 0) {
            throw error(error_kind::conflict, "operation_state", "the operation has ended already");
        }
        append_audit(
            tx,
            who,
            "operation.cancel_requested",
            row->find<tenant_id>("tenant_id"),
            id.to_string(),
            nlohmann::json::object()
        );
    });
}

}  // namespace leasehold::registry
