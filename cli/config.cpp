#include "command.hpp"
#include "local_config.hpp"
#include "output.hpp"

#include <leasehold/http/tls.hpp>

#include <nlohmann/json.hpp>

namespace leasehold::cli {
namespace {

int check(const invocation& how)
{
    const auto loaded = load_local_config(how);
    auto problems = check_files(loaded.values, how.development);
    const auto& values = loaded.values;
    for (const auto& [key, files] :
         {std::pair("control_plane.tls", &values.control_plane.tls),
          std::pair("router.tls", &values.router.tls),
          std::pair("agents.tls", &values.agents.tls)}) {
        try {
            http::check_tls(*files);
        } catch (const error& bad) {
            problems.push_back({key, 0, bad.what()});
        }
    }
    refuse(std::move(problems));
    if (how.json) {
        print_json({{"ok", true}});
    } else {
        print("the configuration is good");
    }
    return 0;
}

int show(const invocation& how, bool changed)
{
    const auto loaded = load_local_config(how);
    table rows({"key", "value", "source"});
    auto all = nlohmann::json::array();
    for (const auto& one : effective_values(loaded)) {
        if (changed && one.origin == "default") continue;
        rows.add({one.key, one.value, one.origin});
        all.push_back({{"key", one.key}, {"value", one.value}, {"source", one.origin}});
    }
    if (how.json) {
        print_json({{"items", all}});
    } else {
        print(rows.to_text());
    }
    return 0;
}

}  // namespace

// The configuration file, without a running process.
void declare_config(command& at, const invocation& how)
{
    at.sub("check", "read it, cross-check it, open every file it names; call nobody").runs([&how] {
        return check(how);
    });

    const auto changed = std::make_shared<bool>(false);
    auto& showing = at.sub("show", "effective values and where each comes from");
    showing.flag("--changed", *changed, "only what is no default");
    showing.runs([&how, changed] { return show(how, *changed); });

    at.sub("reference", "every key with its default").runs([] {
        auto text = config_reference();
        if (!text.empty() && text.back() == '\n') text.pop_back();
        print(text);
        return 0;
    });
}

}  // namespace leasehold::cli
