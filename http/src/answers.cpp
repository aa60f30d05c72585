#include <leasehold/http/answers.hpp>

#include <utility>

namespace leasehold::http {

reply plain_text(int status, std::string text, std::string media_type)
{
    return reply(status, std::move(media_type), std::move(text));
}

reply json_reply(int status, std::string text)
{
    return reply(status, "application/json", std::move(text));
}

reply to_reply(const accepted& what)
{
    auto made = json_reply(202, what.body());
    if (!what.location().empty()) made.fields.set("Location", what.location());
    return made;
}

reply to_reply(const created& what)
{
    auto made = json_reply(201, what.body());
    if (!what.location().empty()) made.fields.set("Location", what.location());
    return made;
}

}  // namespace leasehold::http
