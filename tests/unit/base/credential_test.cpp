#include <leasehold/base/credential.hpp>
#include <leasehold/base/crypto.hpp>
#include <leasehold/base/error.hpp>

#include <gtest/gtest.h>

#include <regex>

namespace leasehold {
namespace {

constexpr std::string_view base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

TEST(Base62, IsTheUuidAsANumberMostSignificantFirst)
{
    EXPECT_EQ(to_base62(uuid{}), "0000000000000000000000");
    EXPECT_EQ(to_base62(*uuid::parse("00000000-0000-0000-0000-00000000003e")), "0000000000000000000010");
    EXPECT_EQ(to_base62(*uuid::parse("ffffffff-ffff-ffff-ffff-ffffffffffff")), "7n42DGM5Tflk9n8mt7Fhc7");
}

TEST(Base62, ComesBack)
{
    for (int i = 0; i < 500; ++i) {
        const auto id = uuid::random();
        EXPECT_EQ(uuid_from_base62(to_base62(id)), id);
    }
}

TEST(Base62, RefusesWhatIsNoUuid)
{
    EXPECT_TRUE(uuid_from_base62("7n42DGM5Tflk9n8mt7Fhc7"));
    EXPECT_FALSE(uuid_from_base62("7n42DGM5Tflk9n8mt7Fhc8"));  // 2^128
    EXPECT_FALSE(uuid_from_base62("zzzzzzzzzzzzzzzzzzzzzz"));
    EXPECT_FALSE(uuid_from_base62("000000000000000000000"));
    EXPECT_FALSE(uuid_from_base62("000000000000000000000-"));
}

class CredentialText : public testing::TestWithParam<credential_type>
{};

TEST_P(CredentialText, HasTheOneShapeAndComesBack)
{
    const auto id = uuid::random();
    const auto made = credential::make(GetParam(), id);
    const auto text = made.to_text();
    const std::string shown(text.reveal());
    EXPECT_TRUE(std::regex_match(shown, std::regex("lh_(api|enr|host)_[0-9A-Za-z]{22}_[0-9A-Za-z]{38}")))
        << shown;
    EXPECT_EQ(shown.size(), GetParam() == credential_type::host ? 69U : 68U);
    const auto read = credential::parse(shown);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->type, GetParam());
    EXPECT_EQ(read->id, id);
    EXPECT_EQ(read->secret_part.reveal(), made.secret_part.reveal());
}

TEST_P(CredentialText, RefusesOneChangedCharacterAnywhere)
{
    const auto made = credential::make(GetParam(), uuid::random()).to_text();
    const std::string good(made.reveal());
    ASSERT_TRUE(credential::parse(good));
    for (std::size_t i = 0; i < good.size(); ++i) {
        for (const char other : {'0', 'z', '_', ' ', '\0', '\xc3'}) {
            auto damaged = good;
            if (damaged[i] == other) continue;
            damaged[i] = other;
            EXPECT_FALSE(credential::parse(damaged)) << i;
        }
    }
}

TEST_P(CredentialText, RefusesEveryPartOfIt)
{
    const auto made = credential::make(GetParam(), uuid::random()).to_text();
    const std::string good(made.reveal());
    for (std::size_t i = 0; i < good.size(); ++i) {
        EXPECT_FALSE(credential::parse(good.substr(0, i))) << i;
        EXPECT_FALSE(credential::parse(good.substr(i + 1))) << i;
    }
    EXPECT_FALSE(credential::parse(good + "0"));
    EXPECT_FALSE(credential::parse(good + "\n"));
}

INSTANTIATE_TEST_SUITE_P(
    Types,
    CredentialText,
    testing::Values(credential_type::api, credential_type::enrollment, credential_type::host)
);

TEST(Credential, KnownText)  // holds the form still: check sums were computed with Python's zlib.crc32
{
    const std::string body = "lh_api_0000000000000000000010_abcdefghijklmnopqrstuvwxyz012345";
    const auto crc = crypto::crc32(body);
    std::string text;
    for (auto value = crc; text.size() < 6; value /= 62) text.insert(text.begin(), base62[value % 62]);
    EXPECT_EQ(text, "42HA1y");
    EXPECT_TRUE(credential::parse(body + text));
}

TEST(HmacKeys, StoresUnderTheCurrentKeyAndAcceptsThePrevious)
{
    const hmac_keys old_keys(secret<std::string>(std::string(64, '1')));
    const hmac_keys both(secret<std::string>(std::string(64, '2') + "\n" + std::string(64, '1') + "\n"));
    const hmac_keys new_keys(secret<std::string>(std::string(64, '2') + "\n"));

    const auto stored = old_keys.stored_form("the secret");
    EXPECT_TRUE(old_keys.matches(stored, "the secret"));
    EXPECT_FALSE(old_keys.matches(stored, "another"));
    EXPECT_TRUE(both.matches(stored, "the secret"));
    EXPECT_FALSE(new_keys.matches(stored, "the secret"));
    EXPECT_EQ(both.stored_form("the secret"), new_keys.stored_form("the secret"));
    EXPECT_EQ(both.accepted_forms("the secret").size(), 2U);
    EXPECT_EQ(both.accepted_forms("the secret")[1], stored);
}

TEST(HmacKeys, FormNamesItsKey)
{
    const hmac_keys keys(secret<std::string>(std::string(64, '0')));
    const auto key = std::string(32, '\0');
    const auto number = crypto::to_hex(crypto::view(crypto::sha256(key))).substr(0, 8);
    EXPECT_EQ(keys.fingerprints(), std::vector<std::string>{number});
    EXPECT_EQ(
        keys.stored_form("x"), number + "$" + crypto::to_hex(crypto::view(crypto::hmac_sha256(key, "x")))
    );
}

TEST(HmacKeys, NothingMatchesAnUnknownRow)
{
    const hmac_keys keys(hmac_keys::make_file_content());
    EXPECT_FALSE(keys.matches("", ""));
    EXPECT_FALSE(keys.matches("", "the secret"));
    EXPECT_TRUE(keys.matches(keys.stored_form(""), ""));
}

TEST(HmacKeys, SubkeysDependOnKeyAndLabel)
{
    const hmac_keys one(hmac_keys::make_file_content());
    const hmac_keys two(hmac_keys::make_file_content());
    EXPECT_EQ(one.subkey("ticket").reveal(), one.subkey("ticket").reveal());
    EXPECT_NE(one.subkey("ticket").reveal(), one.subkey("cancel").reveal());
    EXPECT_NE(one.subkey("ticket").reveal(), two.subkey("ticket").reveal());
}

TEST(HmacKeys, RefusesADamagedFileWithoutQuotingIt)
{
    const std::string good(64, 'a');
    const std::string files[] = {
        "",
        "\n",
        good.substr(1),
        good + "a",
        std::string(64, 'g'),
        good + "\n\n" + good,
        good + "\n" + good.substr(1),
        good + "\n" + good + "\n" + good,
        " " + good};
    for (const auto& content : files) {
        try {
            const hmac_keys keys{secret<std::string>(content)};
            FAIL() << content;
        } catch (const error& e) {
            EXPECT_EQ(e.code(), "hmac_key_malformed");
            EXPECT_EQ(std::string(e.what()).find("aaaa"), std::string::npos);
        }
    }
    EXPECT_NO_THROW(hmac_keys{secret<std::string>(good + "\r\n")});
}

}  // namespace
}  // namespace leasehold
