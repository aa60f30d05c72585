#include <leasehold/base/crypto.hpp>
#include <leasehold/base/error.hpp>

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <memory>

namespace leasehold::crypto {
namespace {

std::string hex(const digest& value)
{
    return to_hex(view(value));
}

std::string from_hex(std::string_view text)
{
    std::string bytes;
    for (std::size_t i = 0; i < text.size(); i += 2) {
        bytes += static_cast<char>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16));
    }
    return bytes;
}

TEST(Sha256, KnownVectors)  // FIPS 180-4
{
    EXPECT_EQ(hex(sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(HmacSha256, KnownVectors)  // RFC 4231, cases 1, 2 and 6
{
    EXPECT_EQ(
        hex(hmac_sha256(std::string(20, '\x0b'), "Hi There")),
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
    );
    EXPECT_EQ(
        hex(hmac_sha256("Jefe", "what do ya want for nothing?")),
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    );
    EXPECT_EQ(
        hex(hmac_sha256(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First")),
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
    );
}

TEST(HkdfSha256, KnownVector)  // RFC 5869, case 3 (no salt, no info), first 32 of its 42 bytes
{
    EXPECT_EQ(
        to_hex(hkdf_sha256(std::string(22, '\x0b'), "").reveal()),
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
    );
}

TEST(HkdfSha256, LabelsGiveDifferentKeys)
{
    const std::string key(32, 'k');
    EXPECT_EQ(hkdf_sha256(key, "ticket").reveal(), hkdf_sha256(key, "ticket").reveal());
    EXPECT_NE(hkdf_sha256(key, "ticket").reveal(), hkdf_sha256(key, "cancel").reveal());
}

TEST(Pbkdf2Sha256, KnownVector)  // RFC 7914, section 11, first 32 of 64 bytes
{
    EXPECT_EQ(
        hex(pbkdf2_sha256("passwd", "salt", 1)),
        "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc"
    );
    EXPECT_EQ(
        hex(pbkdf2_sha256("Password", "NaCl", 80000)),
        "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56"
    );
}

TEST(ScramVerifier, HoldsTheKeysOfRfc7677)
{
    // The exchange of RFC 7677, section 3: user "user", password "pencil".
    const auto salt = from_base64("W22ZaJ0SNY7soEsUEjb6gQ==");
    ASSERT_TRUE(salt);
    const auto salted = pbkdf2_sha256("pencil", *salt, 4096);
    const std::string exchange =
        "n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
        "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)"
        "hNlF$k0";
    const auto server_key = hmac_sha256(view(salted), "Server Key");
    EXPECT_EQ(
        to_base64(view(hmac_sha256(view(server_key), exchange))),
        "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
    );
}

TEST(ScramVerifier, HasPostgresqlsTextForm)
{
    const auto verifier = make_scram_verifier("pencil", 4096);
    ASSERT_TRUE(verifier.starts_with("SCRAM-SHA-256$4096:")) << verifier;
    const auto keys_at = verifier.find('$', 14);
    const auto salt_at = std::string("SCRAM-SHA-256$4096:").size();
    const auto salt = from_base64(verifier.substr(salt_at, keys_at - salt_at));
    ASSERT_TRUE(salt);
    EXPECT_EQ(salt->size(), 16U);
    const auto colon = verifier.find(':', keys_at);
    const auto salted = pbkdf2_sha256("pencil", *salt, 4096);
    const auto client_key = hmac_sha256(view(salted), "Client Key");
    EXPECT_EQ(verifier.substr(keys_at + 1, colon - keys_at - 1), to_base64(view(sha256(view(client_key)))));
    EXPECT_EQ(verifier.substr(colon + 1), to_base64(view(hmac_sha256(view(salted), "Server Key"))));
    EXPECT_NE(make_scram_verifier("pencil", 4096), verifier);  // another salt
}

TEST(Base64, KnownVectors)  // RFC 4648, section 10
{
    const std::pair<const char*, const char*> rows[] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"}};
    for (const auto& [plain, text] : rows) {
        EXPECT_EQ(to_base64(plain), text);
        EXPECT_EQ(from_base64(text), plain);
    }
    EXPECT_EQ(to_base64url("\xfb\xff"), "-_8");
    EXPECT_EQ(from_base64url("-_8"), "\xfb\xff");
    EXPECT_EQ(to_base32_lower("foobar"), "mzxw6ytboi");
    EXPECT_EQ(to_base32_lower("f"), "my");
}

TEST(Base64, RefusesEveryOtherTextOfTheSameValue)
{
    for (const auto* text :
         {"Zg", "Zg=", "Zg===", "Zh==", "Z===", "=", "Zm9v\n", "Zm9v ", "Zm-v", "Zg==Zg=="}) {
        EXPECT_FALSE(from_base64(text)) << text;
    }
    for (const auto* text : {"Zg==", "Z", "Zh", "Zm+v", "Zm9v\n"}) EXPECT_FALSE(from_base64url(text)) << text;
}

TEST(Base64, AnyBytesComeBack)
{
    for (std::size_t size = 0; size < 70; ++size) {
        const auto bytes = random_bytes(size);
        EXPECT_EQ(from_base64(to_base64(bytes)), bytes);
        EXPECT_EQ(from_base64url(to_base64url(bytes)), bytes);
    }
}

TEST(Crc, KnownVectors)
{
    EXPECT_EQ(crc32("123456789"), 0xcbf43926U);
    EXPECT_EQ(crc32c("123456789"), 0xe3069283U);
    EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aaU);  // RFC 3720, B.4
    EXPECT_EQ(crc32(""), 0U);
}

TEST(RandomBytes, AreNotTheSameTwice)
{
    EXPECT_EQ(random_bytes(24).size(), 24U);
    EXPECT_NE(random_bytes(24), random_bytes(24));
}

TEST(Ed25519, KnownVector)  // RFC 8032, 7.1, test 2
{
    const auto seed = from_hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
    const auto pair = ed25519_from_seed(seed);
    EXPECT_EQ(to_hex(pair.public_key), "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
    const auto signature = ed25519_sign(seed, "\x72");
    EXPECT_EQ(
        to_hex(signature),
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b"
        "2eaeb4302aee"
        "b00d291612bb0c00"
    );
    EXPECT_TRUE(ed25519_verify(pair.public_key, "\x72", signature));
}

TEST(Ed25519, RefusesAnythingThatWasChanged)
{
    const auto pair = make_ed25519_pair();
    const auto signature = ed25519_sign(pair.seed.reveal(), "message");
    ASSERT_TRUE(ed25519_verify(pair.public_key, "message", signature));
    EXPECT_FALSE(ed25519_verify(pair.public_key, "massage", signature));
    EXPECT_FALSE(ed25519_verify(make_ed25519_pair().public_key, "message", signature));
    EXPECT_FALSE(ed25519_verify(pair.public_key, "message", signature.substr(1)));
    auto changed = signature;
    changed[3] = static_cast<char>(changed[3] ^ 1);
    EXPECT_FALSE(ed25519_verify(pair.public_key, "message", changed));
    EXPECT_FALSE(ed25519_verify("", "message", signature));
    EXPECT_FALSE(ed25519_verify(std::string(32, '\xff'), "message", signature));
}

TEST(Ed25519, ReadsAPrivateKeyInPem)
{
    // RFC 8410, section 10.3.
    const auto pair = ed25519_from_pem("-----BEGIN PRIVATE KEY-----\n"
                                       "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
                                       "-----END PRIVATE KEY-----\n");
    EXPECT_EQ(to_hex(pair.seed.reveal()), "d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842");
    EXPECT_EQ(to_hex(pair.public_key), "19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1");
}

std::string rsa_pem()
{
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_RSA_gen(1024), &EVP_PKEY_free);
    const std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new(BIO_s_mem()), &BIO_free);
    PEM_write_bio_PrivateKey(out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    std::string pem(4096, '\0');
    pem.resize(static_cast<std::size_t>(BIO_read(out.get(), pem.data(), static_cast<int>(pem.size()))));
    return pem;
}

TEST(Ed25519, RefusesOtherPem)
{
    for (const auto& pem :
         {std::string(),
          std::string("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
          rsa_pem()}) {
        try {
            (void)ed25519_from_pem(pem);
            FAIL() << pem;
        } catch (const error& e) {
            EXPECT_EQ(e.code(), "key_malformed");
            EXPECT_EQ(std::string(e.what()).find("AAAA"), std::string::npos);
        }
    }
}

}  // namespace
}  // namespace leasehold::crypto
