# DARK FACE at 608 pixels: 20 epochs of 3 rounds, batches of 16.
_base_ = 'dark_face.py'

dark_face_train = dict(
    batch_size=16,
    **_base_.dark_face_train_loader,
    dataset=dict(
        type='RepeatDataset',
        times=3,
        dataset=dict(
            **_base_.dark_face_train_set,
            pipeline=[
                *_base_.dark_face_before_resize,
                dict(type='RandomResize', scale=[(320, 320), (608, 608)], keep_ratio=True),
                *_base_.dark_face_after_resize,
            ],
        ),
    ),
)
dark_face_test = dict(
    **_base_.dark_face_test_loader,
    dataset=dict(
        **_base_.dark_face_test_set,
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='Resize', scale=(608, 608), keep_ratio=True),
            *_base_.dark_face_after_test_resize,
        ],
    ),
)

dark_face_train_cfg = dict(max_epochs=20, val_interval=1)
dark_face_optim_wrapper = dict(
    optimizer=_base_.dark_face_optimizer, clip_grad=dict(max_norm=35, norm_type=2)
)
dark_face_param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=500),
    dict(type='MultiStepLR', by_epoch=True, milestones=[14, 18], gamma=0.1),
]
# For faces of a few pixels.
dark_face_anchors = [
    [(29, 23), (49, 50), (90, 81)],
    [(7, 15), (15, 12), (15, 30)],
    [(3, 4), (4, 7), (12, 7)],
]
