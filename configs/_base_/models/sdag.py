model = dict(
    type='SDAG',
    generator=dict(
        type='SDAGNet',
        extractor=dict(
            type='VGGExtractor', init_cfg=dict(type='Pretrained', checkpoint='torchvision://vgg16')
        ),
    ),
    degradations=dict(
        gamma=dict(type='GammaDegradation', gamma=0.3),
        noise=dict(type='GaussianNoiseDegradation', sigma=50 / 255),
    ),
    margin_loss=dict(type='MarginRankingLoss', margin=0.5, similarity='batch'),
    amp_dtype='auto',
)
