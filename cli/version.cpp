#include "command.hpp"
#include "output.hpp"

#include <nlohmann/json.hpp>

namespace leasehold::cli {

void declare_version(command& at, const invocation& how)
{
    at.runs([&how] {
        if (how.json) {
            print_json({{"version", LEASEHOLD_VERSION}});
        } else {
            print("leasehold " LEASEHOLD_VERSION);
        }
        return 0;
    });
}

}  // namespace leasehold::cli
