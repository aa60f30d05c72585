#include "text.hpp"

#include <leasehold/http/context.hpp>

namespace leasehold::http {

std::string_view to_text(scope value) noexcept
{
    switch (value) {
    case scope::open:
        return "open";
    case scope::principal:
        return "principal";
    case scope::platform:
        return "platform";
    case scope::tenant:
        return "tenant";
    }
    return "open";
}

const std::string& context::path_text(std::string_view name) const
{
    const auto found = parameters_.find(name);
    if (found == parameters_.end()) throw_unknown(name);
    return found->second;
}

bool context::has_path_parameter(std::string_view name) const
{
    return parameters_.find(name) != parameters_.end();
}

void context::throw_unknown(std::string_view name)
{
    throw error(
        error_kind::internal,
        "path_parameter_unknown",
        "the request could not be handled",
        "the route has no parameter " + std::string(name) + " of that type"
    );
}

}  // namespace leasehold::http
