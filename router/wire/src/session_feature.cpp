#include <leasehold/router/wire/session_feature.hpp>

namespace leasehold::router::wire {

std::string_view to_text(session_feature what) noexcept
{
    switch (what) {
    case session_feature::named_statement:
        return "named_statement";
    case session_feature::sql_prepare:
        return "sql_prepare";
    case session_feature::set:
        return "set";
    case session_feature::set_role:
        return "set_role";
    case session_feature::set_config:
        return "set_config";
    case session_feature::do_block:
        return "do_block";
    case session_feature::listen:
        return "listen";
    case session_feature::load:
        return "load";
    case session_feature::hold_cursor:
        return "hold_cursor";
    case session_feature::advisory_lock:
        return "advisory_lock";
    case session_feature::temporary_table:
        return "temporary_table";
    case session_feature::session_function:
        return "session_function";
    case session_feature::unnamed_statement:
        return "unnamed_statement";
    }
    return "unknown";
}

}  // namespace leasehold::router::wire
