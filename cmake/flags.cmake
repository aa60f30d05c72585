# Warnings and hardening, on one INTERFACE target that every target of ours links privately.
add_library(leasehold_flags INTERFACE)
add_library(leasehold::flags ALIAS leasehold_flags)

target_compile_options(leasehold_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wold-style-cast -Woverloaded-virtual
  -Wnon-virtual-dtor -Wcast-align -Wextra-semi -Wimplicit-fallthrough -Wmissing-declarations
  $<$<CXX_COMPILER_ID:GNU>:-Wduplicated-cond;-Wlogical-op;-Wuseless-cast>)

# LEASEHOLD_SANITIZE: what the asan, tsan and clang presets add, for compiling and linking alike.
set(LEASEHOLD_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize takes them")
if(LEASEHOLD_SANITIZE)
  add_compile_options(-fsanitize=${LEASEHOLD_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${LEASEHOLD_SANITIZE})
  if(LEASEHOLD_SANITIZE MATCHES thread AND CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    add_compile_options(-Wno-tsan)  # GCC: atomic_thread_fence, used inside Asio, is not modelled
  endif()
endif()

option(LEASEHOLD_HARDEN "PIE, FORTIFY, stack protector, hardened link" OFF)
if(LEASEHOLD_HARDEN)
  set(CMAKE_POSITION_INDEPENDENT_CODE ON)
  add_compile_options(-fstack-protector-strong -D_FORTIFY_SOURCE=2)
  add_link_options(-pie -Wl,-z,relro,-z,now,-z,noexecstack)
endif()
