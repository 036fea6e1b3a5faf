model = dict(
    type='EnlightenGAN',
    generator=dict(type='EnlightenGANNet'),
    global_discriminator=dict(type='NormFreePatchDiscriminator', num_conv=5),
    local_discriminator=dict(type='NormFreePatchDiscriminator', num_conv=4),
    gan_loss=dict(type='LeastSquaresGANLoss'),
    # Fetches ImageNet's VGG-16 when the training starts.
    feature_loss=dict(type='SelfFeaturePreservingLoss', extractor=dict(type='DeepVGGExtractor')),
    patch_size=32,
    num_patches=6,
    dimming=(2.0, 4.0),
    amp_dtype='auto',
)
