#pragma once

#include <leasehold/base/crypto.hpp>
#include <leasehold/base/secret.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677), both sides, as PostgreSQL speaks them. Bytes in,
// bytes out; framing is the caller's. No password is prepared by SASLprep: ours and the broker's are ASCII.
namespace leasehold::router::wire {

inline constexpr std::string_view scram_sha_256 = "SCRAM-SHA-256";
inline constexpr std::string_view scram_sha_256_plus = "SCRAM-SHA-256-PLUS";
inline constexpr int scram_iterations_min = 4096;
inline constexpr int scram_iterations_max = 200'000;

struct scram_verifier
{
    int iterations = scram_iterations_min;
    std::string salt;  // raw
    crypto::digest stored_key{};
    crypto::digest server_key{};
    bool is_mock = false;  // nothing matches it, whatever is sent
};

// "SCRAM-SHA-256$<i>:<salt>$<StoredKey>:<ServerKey>". Empty when malformed or the iterations are out of
// bounds.
[[nodiscard]] std::optional<scram_verifier> parse_scram_verifier(std::string_view text);
// For a user that does not exist: the same salt at every try, 4,096 iterations, and never a match.
[[nodiscard]] scram_verifier make_mock_verifier(std::string_view mock_key, std::string_view user);

enum class scram_state : std::uint8_t
{
    send,    // `out` goes to the peer, its answer comes next
    done,    // proven; `out` (server side: the server-final message) is still to be sent
    failed,  // see `why`
};
enum class scram_failure : std::uint8_t
{
    none,
    malformed,    // breaks the grammar or the order: protocol_violation
    unsupported,  // mechanism, authzid, mandatory extension or channel binding type we do not have:
                  // protocol_violation
    downgrade,    // says we offered no channel binding although we did: auth_failed
    binding,      // channel binding data differ, somebody is in between: auth_failed
    mismatch,     // wrong proof, or a mock verifier: auth_failed
    iterations,   // the server asks for fewer or more than the bounds
    impostor,     // the server does not know the verifier
};
// The code of docs/errors.md that a client hears.
[[nodiscard]] std::string_view code_of(scram_failure why) noexcept;

struct scram_step
{
    scram_state state;
    std::string out;
    scram_failure why = scram_failure::none;
};

// One exchange with a client. After `failed` or `done` every further call fails. The caller limits message
// sizes (sasl_length_max) before calling.
class scram_server
{
public:
    // `channel_binding`: tls_server_end_point() of our certificate inside TLS; empty = PLUS is not offered.
    // `nonce`: for tests; empty = 18 random bytes.
    scram_server(scram_verifier verifier, std::string channel_binding, std::string nonce = {});

    // For AuthenticationSASL, strongest first. Does not depend on the verifier.
    [[nodiscard]] static std::vector<std::string_view> mechanisms(bool with_channel_binding);

    // SASLInitialResponse: its mechanism and data; answers AuthenticationSASLContinue's data.
    [[nodiscard]] scram_step begin(std::string_view mechanism, std::string_view client_first);
    // SASLResponse: answers AuthenticationSASLFinal's data with `done`.
    [[nodiscard]] scram_step finish(std::string_view client_final);

private:
    enum class phase : std::uint8_t
    {
        first,
        final,
        ended
    };
    scram_step fail(scram_failure why);

    scram_verifier verifier_;
    std::string channel_binding_;
    std::string nonce_;
    std::string gs2_header_;
    std::string client_first_bare_;
    std::string server_first_;
    std::string full_nonce_;
    phase phase_ = phase::first;
    bool uses_binding_ = false;
};

// One exchange with a PostgreSQL server. Clear text and md5 never come here: the caller refuses them.
//   choose() → begin() → read_challenge() → respond(salted password) → verify()
class scram_client
{
public:
    // `channel_binding`: tls_server_end_point() of the server's certificate, empty without TLS or for
    // certificates that have none. `nonce`: for tests.
    explicit scram_client(std::string channel_binding, std::string nonce = {});

    // Body of AuthenticationSASL after its code: texts, ended by an empty one. PLUS when both have it; false:
    // none fits.
    [[nodiscard]] bool choose(std::string_view mechanism_list);
    [[nodiscard]] std::string_view mechanism() const noexcept { return mechanism_; }
    [[nodiscard]] bool uses_channel_binding() const noexcept { return uses_binding_; }

    // client-first, for SASLInitialResponse.
    [[nodiscard]] scram_step begin();
    // Takes server-first and checks nonce and iterations: `send` with nothing to send yet, salt() and
    // iterations() known.
    [[nodiscard]] scram_step read_challenge(std::string_view server_first);
    [[nodiscard]] const std::string& salt() const noexcept { return salt_; }
    [[nodiscard]] int iterations() const noexcept { return iterations_; }
    // client-final from SaltedPassword (crypto::pbkdf2_sha256 on a worker, once per lease): 32 bytes.
    [[nodiscard]] scram_step respond(std::string_view salted_password);
    // server-final: `done` only if ServerSignature is right.
    [[nodiscard]] scram_step verify(std::string_view server_final);

private:
    enum class phase : std::uint8_t
    {
        choose,
        begin,
        challenge,
        respond,
        verify,
        ended
    };
    [[nodiscard]] std::string gs2_header() const;
    scram_step fail(scram_failure why);

    std::string channel_binding_;
    std::string nonce_;
    std::string_view mechanism_;
    std::string client_first_bare_;
    std::string server_first_;
    std::string full_nonce_;
    std::string salt_;
    int iterations_ = 0;
    crypto::digest server_signature_{};
    phase phase_ = phase::choose;
    bool uses_binding_ = false;
};

// RFC 5929 tls-server-end-point of a certificate (DER): its hash by its own signature's digest, MD5 and SHA-1
// raised to SHA-256. Empty for signatures without one digest (Ed25519) and for what is no certificate.
[[nodiscard]] std::optional<std::string> tls_server_end_point(std::string_view certificate_der);

}  // namespace leasehold::router::wire
