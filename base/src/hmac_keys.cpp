#include <leasehold/base/credential.hpp>
#include <leasehold/base/crypto.hpp>
#include <leasehold/base/error.hpp>

#include <utility>

namespace leasehold {
namespace {

constexpr std::size_t key_size = 32;
constexpr std::size_t number_length = 8;

[[noreturn]] void refuse(const char* why)
{
    throw error(error_kind::invalid, "hmac_key_malformed", "the file with the HMAC key is malformed", why);
}

secret<std::string> parse_key(std::string_view line)
{
    if (line.size() != 2 * key_size) refuse("a key has 64 hexadecimal characters");
    std::string raw;
    raw.reserve(key_size);
    for (std::size_t i = 0; i < line.size(); i += 2) {
        unsigned byte = 0;
        for (const char c : line.substr(i, 2)) {
            const auto value = std::string_view("0123456789abcdef0123456789ABCDEF").find(c);
            if (value == std::string_view::npos) {
                wipe(raw);
                refuse("a key has 64 hexadecimal characters");
            }
            byte = byte * 16 + static_cast<unsigned>(value % 16);
        }
        raw += static_cast<char>(static_cast<unsigned char>(byte));
    }
    return secret<std::string>::take(std::move(raw));
}

std::string number_of(const secret<std::string>& key)
{
    const auto digest = crypto::sha256(key.reveal());
    return crypto::to_hex(crypto::view(digest)).substr(0, number_length);
}

std::string form_under(const secret<std::string>& key, std::string_view secret_part)
{
    const auto mac = crypto::hmac_sha256(key.reveal(), secret_part);
    return number_of(key) + "$" + crypto::to_hex(crypto::view(mac));
}

}  // namespace

hmac_keys::hmac_keys(secret<std::string> file_content)
{
    auto rest = file_content.reveal();
    while (!rest.empty()) {
        const auto end = rest.find('\n');
        auto line = rest.substr(0, end);
        rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (line.empty() && rest.empty() && !keys_.empty()) break;
        if (keys_.size() == 2) refuse("more than two keys");
        keys_.push_back(parse_key(line));
    }
    if (keys_.empty()) refuse("no key");
}

secret<std::string> hmac_keys::make_file_content()
{
    auto raw = crypto::random_bytes(key_size);
    auto text = crypto::to_hex(raw);
    wipe(raw);
    text += '\n';
    return secret<std::string>::take(std::move(text));
}

hmac_keys hmac_keys::clone() const
{
    hmac_keys copy;
    for (const auto& key : keys_) copy.keys_.push_back(key.clone());
    return copy;
}

std::string hmac_keys::stored_form(std::string_view secret_part) const
{
    return form_under(keys_.front(), secret_part);
}

std::vector<std::string> hmac_keys::accepted_forms(std::string_view secret_part) const
{
    std::vector<std::string> forms;
    for (const auto& key : keys_) forms.push_back(form_under(key, secret_part));
    return forms;
}

bool hmac_keys::matches(std::string_view stored, std::string_view secret_part) const
{
    static const std::string dummy(
        number_length + 1 + 2 * key_size, '-'
    );  // as long as a real form, equal to none
    const auto against = stored.empty() ? std::string_view(dummy) : stored;
    bool good = false;
    for (const auto& form : accepted_forms(secret_part)) {
        const bool same = equal_in_constant_time(form, against);
        good = same || good;  // every key is tried, whichever fits
    }
    return good;
}

std::vector<std::string> hmac_keys::fingerprints() const
{
    std::vector<std::string> numbers;
    for (const auto& key : keys_) numbers.push_back(number_of(key));
    return numbers;
}

secret<std::string> hmac_keys::subkey(std::string_view label) const
{
    return crypto::hkdf_sha256(keys_.front().reveal(), label);
}

std::vector<secret<std::string>> hmac_keys::subkeys(std::string_view label) const
{
    std::vector<secret<std::string>> all;
    for (const auto& key : keys_) all.push_back(crypto::hkdf_sha256(key.reveal(), label));
    return all;
}

}  // namespace leasehold
