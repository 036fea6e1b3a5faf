model = dict(
    type='SelfSupervisedRestorer',
    generator=dict(type='BlendUNet'),
    degradation=dict(type='CameraDegradation'),
    amp_dtype='auto',
)
