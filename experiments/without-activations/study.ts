import { defineStudy } from '@isthmus/study'

/** Methods that look at the weights alone, beside the paper's, which match features on text.
 *
 *  Git Re-Basin's weight matching (Ainsworth et al., 2023) and optimal-transport fusion (Singh & Jaggi, 2020; Imfeld et
 *  al., 2024), on all components and on feed-forward layers and attention only. Sinkhorn's soft transport does not keep
 *  the function, and its λ = 0 is the transported model.
 */
export default defineStudy({
  name: 'without-activations',
  title: 'Loss barriers by methods that need no activations, beside the paper’s',
  methods: [
    'vanilla',
    'ffn+attention/head-perm',
    'ffn/weights+attention/weights',
    'ffn/transport+attention/transport',
    'ffn+attention/head-perm+residual/first',
    'weight-matching',
    'optimal-transport',
    'optimal-transport/sinkhorn',
  ],
  lambdas: 11,
  figures: ['barriers'],
})
