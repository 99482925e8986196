// The network's convolutions alone in oneDNN, each in the layout that oneDNN prefers, to be timed beside vigil: no
// memory, no error, and no change of layout between the layers. Convolutions have their bias and LeakyReLU; transposed
// ones have neither, because oneDNN computes those two in a slow pass of its own there.
//
//   onednn_bench LAYERS
//
// LAYERS has a line for each: transposed (0 or 1), channels in and out, frames, side, stride in time, and the slope of
// LeakyReLU. The number of threads is OpenMP's (OMP_NUM_THREADS). It prints its version, and then answers each line
// "forward N" on stdin with the seconds that N passes took.
#include <chrono>
#include <fstream>
#include <iostream>
#include <string>
#include <unordered_map>
#include <vector>

#include "dnnl.hpp"

#if DNNL_VERSION_MAJOR != 2
#error "oneDNN 2 is needed, as Debian 12 has it: libdnnl-dev"
#endif

using namespace dnnl;
using Dims = memory::dims;
using Tag = memory::format_tag;

struct Layer {
  primitive run;
  std::unordered_map<int, memory> args;
};

static memory filled(const memory::desc& d, const engine& e) {
  memory m(d, e);
  float* p = static_cast<float*>(m.get_data_handle());
  for (size_t i = 0; i < d.get_size() / sizeof(float); i++) p[i] = float(int(i * 2654435761u % 2001) - 1000) / 20000;
  return m;
}

template <class Desc>
static Layer layer(const Desc& d, const primitive& p, const engine& e) {
  Layer l{p,
          {{DNNL_ARG_SRC, filled(d.src_desc(), e)},
           {DNNL_ARG_WEIGHTS, filled(d.weights_desc(), e)},
           {DNNL_ARG_DST, filled(d.dst_desc(), e)}}};
  if (d.bias_desc().get_size() > 0) l.args[DNNL_ARG_BIAS] = filled(d.bias_desc(), e);
  return l;
}

static Layer plan(std::istream& in, bool up, const engine& e) {
  long ci, co, t, s, st;
  float slope;
  if (!(in >> ci >> co >> t >> s >> st >> slope)) throw std::runtime_error("a line of LAYERS is not complete");
  const long to = up ? t * st : t / st, so = up ? s * 2 : s / 2;
  auto any = [](const Dims& d) { return memory::desc(d, memory::data_type::f32, Tag::any); };
  const auto src = any({1, ci, t, s, s}), dst = any({1, co, to, so, so}), weights = any({co, ci, 3, 3, 3});
  const memory::desc bias({co}, memory::data_type::f32, Tag::x);
  const Dims strides{st, 2, 2}, before{1, 1, 1};
  if (up) {
    // The output is twice as long, so nothing is cut off behind it.
    const Dims after{st == 2 ? 0 : 1, 0, 0};
    deconvolution_forward::primitive_desc d({prop_kind::forward_inference, algorithm::deconvolution_direct, src,
                                             weights, dst, strides, before, after}, e);
    return layer(d, deconvolution_forward(d), e);
  }
  post_ops ops;
  ops.append_eltwise(1, algorithm::eltwise_relu, slope, 0);
  primitive_attr attr;
  attr.set_post_ops(ops);
  convolution_forward::primitive_desc d({prop_kind::forward_inference, algorithm::convolution_direct, src, weights,
                                         bias, dst, strides, before, before}, attr, e);
  return layer(d, convolution_forward(d), e);
}

int main(int, char** argv) try {
  engine e(engine::kind::cpu, 0);
  stream s(e);
  std::vector<Layer> layers;
  std::ifstream file(argv[1]);
  for (int up; file >> up;) layers.push_back(plan(file, up, e));
  const auto* v = dnnl_version();
  std::cout << "{\"ready\":true,\"version\":\"" << v->major << "." << v->minor << "." << v->patch
            << "\",\"tasks\":[\"forward\"]}" << std::endl;
  std::string task;
  for (int times; std::cin >> task >> times;) {
    const auto began = std::chrono::steady_clock::now();
    for (int i = 0; i < times; i++) {
      for (auto& l : layers) l.run.execute(s, l.args);
      s.wait();
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    std::cout << "{\"seconds\":" << took.count() << "}" << std::endl;
  }
} catch (const std::exception& x) {
  std::cerr << "onednn_bench: " << x.what() << std::endl;
  return 1;
}
