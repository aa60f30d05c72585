# OpenBAO on the machine of Leasehold itself: a broker for one machine, on loopback.
#
# `make migrate` starts it with this file when it is down, and stops it afterwards, if leasehold.yaml says
#   vault.bootstrap.config_file: ./deploy/openbao/openbao.hcl
# Relative paths count from the folder in which the broker is started: the clone's.
#
# The certificate is yours to make, once, for example (then vault.ca_file: ./data/openbao.crt):
#   mkdir -p -m 700 data && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 825 \
#     -keyout data/openbao.key -out data/openbao.crt -subj /CN=localhost \
#     -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -addext basicConstraints=critical,CA:TRUE
#
# For several nodes, unsealing by a key service, audit devices: your own OpenBAO, see its documentation.

storage "pebbledb" {
  path = "./data/openbao"
}

listener "tcp" {
  address         = "127.0.0.1:8200"
  tls_cert_file   = "./data/openbao.crt"
  tls_key_file    = "./data/openbao.key"
  tls_min_version = "tls12"
}

api_addr = "https://127.0.0.1:8200"
ui       = false
