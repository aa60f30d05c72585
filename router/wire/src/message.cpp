#include <leasehold/router/wire/message.hpp>

namespace leasehold::router::wire {

bool is_known_type(char type, direction from) noexcept
{
    constexpr std::string_view of_client = "QFSPBDECHdcfX";
    constexpr std::string_view of_server = "ZCENASGHWRKvTD123ntsIVdc";
    const auto known = from == direction::from_client ? of_client : of_server;
    return known.find(type) != std::string_view::npos;
}

message_frame scan_message(std::string_view bytes, std::uint32_t limit) noexcept
{
    message_frame frame;
    if (bytes.size() < header_size) return frame;
    frame.type = bytes.front();
    frame.length = load_u32(bytes.substr(1));
    if (frame.length < 4 || frame.length > limit) {
        frame.found = message_frame::state::refused;
        frame.why = protocol_violation("message of a wrong length");
        return frame;
    }
    frame.body = bytes.substr(header_size, frame.length - 4);
    const bool whole = bytes.size() >= frame.size();
    frame.found = whole ? message_frame::state::complete : message_frame::state::partial;
    return frame;
}

}  // namespace leasehold::router::wire
