# The folder holds dark photographs; a frozen Zero-DCE enhances them on the
# device, and SDAG learns from its output.
_base_ = 'sdag_vgg16_1xb16-10k_folder.py'

model = dict(
    enhancer=dict(
        type='ZeroDCENet',
        init_cfg=dict(
            type='Pretrained',
            checkpoint='{{ fileDirname }}/../../checkpoints/zero-dce_1xb8-1k_brackets_seed0.pth',
            prefix='generator.',
        ),
    )
)
