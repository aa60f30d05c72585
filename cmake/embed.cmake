# leasehold_embed(TARGET name FOLDER dir FILES relative...) adds to TARGET a table of embedded files,
#   std::span<const leasehold::embedded_file> embedded_<name>()   (declare it where it is used)
# The bytes come by .incbin, so the compiler never sees them; OBJECT_DEPENDS makes a changed file a rebuild.
function(leasehold_embed target name folder)
  set(files ${ARGN})
  list(SORT files)
  set(assembly ".section .rodata\n")
  set(rows "")
  set(externs "")
  set(index 0)
  foreach(file IN LISTS files)
    file(SHA256 ${folder}/${file} digest)
    string(APPEND assembly
      ".global leasehold_${name}_${index}_begin\n.global leasehold_${name}_${index}_end\n"
      "leasehold_${name}_${index}_begin:\n.incbin \"${folder}/${file}\"\nleasehold_${name}_${index}_end:\n.byte 0\n")
    string(APPEND externs
      "extern \"C\" const char leasehold_${name}_${index}_begin[];\nextern \"C\" const char leasehold_${name}_${index}_end[];\n")
    string(APPEND rows
      "        {\"${file}\", {leasehold_${name}_${index}_begin, static_cast<std::size_t>(leasehold_${name}_${index}_end - leasehold_${name}_${index}_begin)}, \"${digest}\"},\n")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${folder}/${file})
    math(EXPR index "${index} + 1")
  endforeach()
  string(APPEND assembly ".section .note.GNU-stack,\"\",%progbits\n")
  set(generated ${CMAKE_CURRENT_BINARY_DIR}/embedded_${name})
  file(CONFIGURE OUTPUT ${generated}.S CONTENT "${assembly}" @ONLY)
  file(CONFIGURE OUTPUT ${generated}.cpp CONTENT
"#include <leasehold/base/embedded_file.hpp>

#include <array>
#include <span>

${externs}
std::span<const leasehold::embedded_file> embedded_${name}();
std::span<const leasehold::embedded_file> embedded_${name}()
{
    static const std::array<leasehold::embedded_file, ${index}> files{{
${rows}    }};
    return files;
}
" @ONLY)
  list(TRANSFORM files PREPEND ${folder}/ OUTPUT_VARIABLE paths)
  set_source_files_properties(${generated}.S PROPERTIES OBJECT_DEPENDS "${paths}")
  target_sources(${target} PRIVATE ${generated}.S ${generated}.cpp)
endfunction()
