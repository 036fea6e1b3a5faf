# The images are those before denoising, as with the authors' files "upe" and
# "dark": their denoiser begins as one trained on noisy images, ours as noise
# (configs/ruas/README.md).
# In float32: with 3 to 6 channels bfloat16 is slower on a CPU.
model = dict(
    type='RUAS',
    generator=dict(type='RUASNet', denoise=False),
    fidelity_loss=dict(type='MSELoss', loss_weight=0.5),
    smoothness_loss=dict(type='MeanSmoothnessLoss', sigma=10.0),
    denoise_fidelity_loss=dict(type='MSELoss', loss_weight=1e-7),
    # A third: of its three channels, which this class sums, the mean.
    denoise_tv_loss=dict(type='IlluminationSmoothnessLoss', loss_weight=1 / 3),
    denoise_interval=50,
)
