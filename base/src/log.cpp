#include "log_line.hpp"

#include <leasehold/base/log.hpp>
#include <leasehold/base/log_object.hpp>

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <atomic>
#include <cmath>
#include <memory>
#include <span>
#include <vector>

namespace leasehold::log {
namespace {

std::atomic<log_level> least_level{log_level::info};
std::atomic<form> line_form{form::json};

// Never destroyed: threads may log until the process is gone.
spdlog::logger& output()
{
    static auto* const logger = [] {
        auto made = new spdlog::logger("leasehold", std::make_shared<spdlog::sinks::stderr_sink_mt>());
        made->set_level(spdlog::level::trace);
        made->set_pattern("%v");
        made->flush_on(spdlog::level::trace);
        return made;
    }();
    return *logger;
}

spdlog::level::level_enum spdlog_level(log_level level) noexcept
{
    switch (level) {
    case log_level::debug:
        return spdlog::level::debug;
    case log_level::info:
        return spdlog::level::info;
    case log_level::warn:
        return spdlog::level::warn;
    case log_level::error:
        break;
    }
    return spdlog::level::err;
}

template <class Data>
void write_any(log_level level, std::string_view event, const Data& data)
{
    if (level < least_level.load(std::memory_order_relaxed)) return;
    const auto now = real_clock().wall();
    const bool as_json = line_form.load(std::memory_order_relaxed) == form::json;
    const auto line = as_json ? to_json_line(now, level, event, data) : to_text_line(now, level, event, data);
    output().log(spdlog_level(level), spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace

std::string field::number_text(double value)
{
    return std::isfinite(value) ? std::to_string(value) : "null";  // JSON has no infinity
}

void write(log_level level, std::string_view event, fields data)
{
    write_any(level, event, std::span<const field>(data.begin(), data.size()));
}

void write_object(log_level level, std::string_view event, const nlohmann::ordered_json& data)
{
    write_any(level, event, data);
}

void failure(std::string_view event, const std::exception& why, fields data)
{
    const auto* known = dynamic_cast<const leasehold::error*>(&why);
    const auto& facts = facts_of(known != nullptr ? known->kind() : error_kind::internal);
    std::vector<field> all(data);
    all.emplace_back(
        "code", known != nullptr ? std::string_view(known->code()) : std::string_view("internal")
    );
    all.emplace_back("kind", facts.name);
    all.emplace_back("error", why.what());
    write_any(facts.level, event, std::span<const field>(all));
}

void configure(log_level least, form how)
{
    least_level.store(least, std::memory_order_relaxed);
    line_form.store(how, std::memory_order_relaxed);
}

}  // namespace leasehold::log
