# What enhancers bring back of what a stock detector sees in good light.
_configs = '{{ fileDirname }}/..'
_shared = '{{$MMSDAG_SHARED:../shared}}'
_learned_gamma = dict(type='mmsdag.GammaEnhancer', trainable=True)
_ruas = dict(type='mmsdag.RUASNet', denoise=False)
_sci = dict(type='mmsdag.SCINet')
_zero_dce = dict(type='mmsdag.ZeroDCENet')
_zero_dce_pp = dict(type='mmsdag.ZeroDCEPPNet')


def _seeds(name):
    return [f'{name}_seed{seed}' for seed in range(3)]


enhancers = dict(
    raw=None,
    gamma=dict(enhancer=dict(type='mmsdag.GammaEnhancer', gamma=2.2)),
    clahe=dict(enhancer=dict(type='mmsdag.CLAHEEnhancer'), title='CLAHE'),
    equalize=dict(
        enhancer=dict(type='mmsdag.HistogramEqualizationEnhancer'), title='histogram equalization'
    ),
    retinex=dict(
        enhancer=dict(type='mmsdag.MultiScaleRetinexEnhancer'), title='multi-scale Retinex'
    ),
    lime=dict(enhancer=dict(type='mmsdag.LIMEEnhancer'), title='LIME'),
    zero_dce=dict(enhancer=_zero_dce, checkpoint=_seeds('zero_dce.brackets'), title='Zero-DCE'),
    zero_dce_sdag=dict(
        enhancer=_zero_dce,
        checkpoint=_seeds('zero_dce.sdag_brackets'),
        guided_twin_of='zero_dce',
        title='Zero-DCE + SDAG',
    ),
    # Trained on dark shots alone.
    dark_zero_dce=dict(
        enhancer=_zero_dce,
        checkpoint=_seeds('zero_dce.dark_brackets'),
        title='Zero-DCE of dark shots',
    ),
    dark_zero_dce_sdag=dict(
        enhancer=_zero_dce,
        checkpoint=_seeds('zero_dce.sdag_dark_brackets'),
        guided_twin_of='dark_zero_dce',
        title='Zero-DCE of dark shots + SDAG',
    ),
    learned_gamma=dict(
        enhancer=_learned_gamma,
        checkpoint=_seeds('learned_gamma.dark_brackets'),
        title='learned gamma',
    ),
    learned_gamma_sdag=dict(
        enhancer=_learned_gamma,
        checkpoint=_seeds('learned_gamma.sdag_dark_brackets'),
        guided_twin_of='learned_gamma',
        title='learned gamma + SDAG',
    ),
    sci=dict(enhancer=_sci, checkpoint=_seeds('sci.dark_brackets'), title='SCI'),
    sci_sdag=dict(
        enhancer=_sci,
        checkpoint=_seeds('sci.sdag_dark_brackets'),
        guided_twin_of='sci',
        title='SCI + SDAG',
    ),
    zero_dce_pp=dict(
        enhancer=_zero_dce_pp, checkpoint=_seeds('zero_dce_pp.brackets'), title='Zero-DCE++'
    ),
    zero_dce_pp_sdag=dict(
        enhancer=_zero_dce_pp,
        checkpoint=_seeds('zero_dce_pp.sdag_brackets'),
        guided_twin_of='zero_dce_pp',
        title='Zero-DCE++ + SDAG',
    ),
    ruas=dict(enhancer=_ruas, checkpoint=_seeds('ruas.dark_brackets'), title='RUAS'),
    ruas_sdag=dict(
        enhancer=_ruas,
        checkpoint=_seeds('ruas.sdag_dark_brackets'),
        guided_twin_of='ruas',
        title='RUAS + SDAG',
    ),
)
recognizers = dict(
    yolox_nano=dict(
        config='mmdet::yolox/yolox_nano_8xb8-300e_coco.py',
        checkpoint=f'{_shared}/weights/yolox_nano_coco_mmdet.pth',
        task='det',
        title='YOLOX-nano',
    )
)
datasets = dict(
    brackets_dark=dict(
        config=f'{_configs}/_base_/datasets/brackets_detection.py', title='dark bracket shots'
    ),
    # No training config sees the scenes from 901 on.
    held_out=dict(
        config=f'{_configs}/_base_/datasets/brackets_detection.py',
        dataset=dict(scene_range=(901, None)),
        title='dark bracket shots, held-out scenes',
    ),
    # Five photographs, for the pictures.
    exdark=dict(
        config=f'{_configs}/detection/yolox_nano_exdark_frozen.py',
        dataset=dict(
            data_root=f'{_shared}/exdark',
            ann_file='imageclasslist.txt',
            data_prefix=dict(img_path='../images/exdark', ann_path='annotations_voc.zip'),
            missing_images='skip',
        ),
        class_names=dict(Motorbike='motorcycle', People='person', Table='dining table'),
        title='five photographs of ExDark',
    ),
)

# At 512 pixels, before the detector's own resizing to 416.
plug_in = 'transform'
baseline = 'raw'
# Shots of one scene are not independent: what is in it is the same.
bootstrap = dict(samples=1000, seed=0, group='scene')
pictures = 5

# The authors' weights, converted, where there are any.
_authors = '{{$MMSDAG_AUTHORS:none}}'
if _authors != 'none':
    enhancers.update(
        official=dict(
            enhancer=_zero_dce,
            checkpoint=f'{_authors}/zero-dce.pth',
            title="Zero-DCE, the authors'",
        ),
        official_sdag=dict(
            enhancer=_zero_dce,
            checkpoint=f'{_authors}/zero-dce-sdag.pth',
            guided_twin_of='official',
            title="Zero-DCE + SDAG, the authors'",
        ),
    )

# EnlightenGAN, too large for this repository: checkpoints of your own.
_enlighten_gan = '{{$MMSDAG_ENLIGHTEN_GAN:none}}'
_enlighten_gan_sdag = '{{$MMSDAG_ENLIGHTEN_GAN_SDAG:none}}'
if _enlighten_gan != 'none':
    enhancers.update(
        enlighten_gan=dict(
            enhancer=dict(type='mmsdag.EnlightenGANNet'),
            checkpoint=_enlighten_gan,
            title='EnlightenGAN',
        )
    )
if _enlighten_gan_sdag != 'none':
    enhancers.update(
        enlighten_gan_sdag=dict(
            enhancer=dict(type='mmsdag.EnlightenGANNet'),
            checkpoint=_enlighten_gan_sdag,
            guided_twin_of='enlighten_gan',
            title='EnlightenGAN + SDAG',
        )
    )
