#pragma once

#include "directory/feed_facts.hpp"

#include <leasehold/base/clock.hpp>
#include <leasehold/base/license.hpp>
#include <leasehold/registry/routes.hpp>

#include <optional>
#include <string>
#include <variant>

namespace leasehold::router {

// Evaluates the license of a running router, again and again: of file and registry row the one that verifies
// and ends later. A running router goes on whatever comes out; what may no longer be begun is read from the
// facts. Thread: the feed's lane.
class license_watch
{
public:
    license_watch(
        const tenancy& how,
        license_keys signers,
        const clock_source& clock,
        std::string installation,
        feed_facts& facts
    );
    // `row`, `file`: documents; empty: none.
    void look(std::string_view row, std::string_view file);

private:
    void take(std::string_view document);
    void publish();

    license_keys signers_;
    const clock_source& clock_;
    std::string installation_;
    feed_facts& facts_;
    std::optional<license_claims> claims_;  // absent: single tenant
    bool is_refused_ = false;  // the present one is withdrawn or replaced by what does not verify
};

}  // namespace leasehold::router
