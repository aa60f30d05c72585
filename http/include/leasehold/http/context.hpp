#pragma once

#include <leasehold/base/error.hpp>
#include <leasehold/http/message.hpp>
#include <leasehold/http/permission.hpp>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace leasehold::http {

// Who asks. The application derives its own from it and gets it back by context::principal_as<T>().
class principal
{
public:
    virtual ~principal() = default;
    [[nodiscard]] virtual std::string log_name() const = 0;          // "key:01890…", for the access line
    [[nodiscard]] virtual std::string tenant() const { return {}; }  // tid, where the caller belongs to one
};

// What was decided for this request (a tenant_scope, say). Derived like principal; back by
// context::authorization_as<T>().
class authorization
{
public:
    virtual ~authorization() = default;
    [[nodiscard]] virtual std::string tenant() const { return {}; }  // tid, for the access line
};

// One request on its way through its route. Lives in the frame of routes::handle(): handlers may keep
// references to it while they run, and no longer.
class context
{
public:
    context(incoming what, std::string id) : request_(std::move(what)), request_id_(std::move(id)) {}
    context(const context&) = delete;
    context& operator=(const context&) = delete;

    // As it arrived; the body unpacked.
    [[nodiscard]] const incoming& request() const noexcept { return request_; }
    [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const
    {
        return request_.fields.find(name);
    }
    [[nodiscard]] std::optional<std::string_view> bearer() const { return bearer_in(request_.fields); }
    [[nodiscard]] const std::string& request_id() const noexcept { return request_id_; }
    [[nodiscard]] const std::string& path() const noexcept { return path_; }  // without query
    [[nodiscard]] std::string_view route() const noexcept { return route_; }  // its pattern

    // A parameter of the path by its name in the pattern. `Id` is a type with parse(); the match has proven
    // that it reads. Asking for one that the pattern does not have: internal "path_parameter_unknown".
    template <class Id>
    [[nodiscard]] Id path_id(std::string_view name) const
    {
        const auto value = Id::parse(path_text(name));
        if (!value) throw_unknown(name);
        return *value;
    }
    [[nodiscard]] const std::string& path_text(std::string_view name) const;
    [[nodiscard]] bool has_path_parameter(std::string_view name) const;

    [[nodiscard]] bool has_principal() const noexcept { return principal_ != nullptr; }
    template <class T>
    [[nodiscard]] const T& principal_as() const
    {
        return cast<T>(principal_.get(), "principal_missing");
    }
    [[nodiscard]] std::shared_ptr<const http::principal> shared_principal() const noexcept
    {
        return principal_;
    }
    template <class T>
    [[nodiscard]] const T& authorization_as() const
    {
        return cast<T>(authorization_.get(), "authorization_missing");
    }

    // A header of the answer, whatever becomes of it (Retry-After, Leasehold-Time).
    void set_header(std::string name, std::string value) const
    {
        answer_fields_.set(std::move(name), std::move(value));
    }

private:
    friend class routes;

    template <class T, class Base>
    static const T& cast(const Base* from, const char* code)
    {
        const auto* found = dynamic_cast<const T*>(from);
        if (found == nullptr) throw error(error_kind::internal, code, "the request could not be handled");
        return *found;
    }
    [[noreturn]] static void throw_unknown(std::string_view name);

    incoming request_;
    std::string request_id_;
    std::string path_;
    std::string query_;  // encoded
    std::string_view route_;
    std::map<std::string, std::string, std::less<>> parameters_;
    std::shared_ptr<const http::principal> principal_;
    std::shared_ptr<const http::authorization> authorization_;
    mutable headers answer_fields_;
};

}  // namespace leasehold::http
