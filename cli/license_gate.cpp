#include "license_gate.hpp"

#include <leasehold/base/clock.hpp>
#include <leasehold/base/file.hpp>
#include <leasehold/base/log.hpp>

#include <filesystem>

namespace leasehold::cli {
namespace {

constexpr std::size_t largest_license_file = std::size_t{32} << 10U;  // more than a license may have

}  // namespace

license_refused::license_refused(const license_refusal& why, std::string text)
    : error(error_kind::unlicensed, why.code, "no valid license: it " + why.why)
    , text_(std::move(text))
{}

license_result find_license(const config& values, bool development, const license_facts& known)
{
    const auto keys = license_keys::compiled_in(development);
    const auto now = real_clock().wall();
    std::optional<license_refusal> refused;
    std::optional<verified_license> best;
    const auto look = [&](const std::string& document) {
        auto result = verify_license(document, keys, now, known.installation);
        if (const auto* good = std::get_if<verified_license>(&result)) {
            if (!best || good->claims().ends_at > best->claims().ends_at) best = *good;
        } else if (!refused) {
            refused = std::get<license_refusal>(result);
        }
    };
    const auto& file = values.license.file;
    if (!file.empty() && std::filesystem::exists(file)) look(load_file(file, largest_license_file));
    if (known.document) look(*known.document);
    if (best) return std::move(*best);
    if (refused) return std::move(*refused);
    return license_refusal{
        "license_missing", "is not there, and the registry holds no license", std::nullopt};
}

verified_license require_license(const config& values, bool development, const license_facts& known)
{
    auto result = find_license(values, development, known);
    if (auto* good = std::get_if<verified_license>(&result)) return std::move(*good);
    const auto& why = std::get<license_refusal>(result);
    const auto file = values.license.file.string();
    log::error("license.refused", {{"code", why.code}, {"file", file}, {"why", why.why}});
    throw license_refused(why, to_refusal_text(why, file, known.tenants));
}

}  // namespace leasehold::cli
